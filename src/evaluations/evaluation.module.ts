import { Module } from '@nestjs/common';
import { DatasetModule } from '../datasets/dataset.module.js';
import { DeploymentModule } from '../deployments/deployment.module.js';
import { ModelModule } from '../models/model.module.js';
import { PromptModule } from '../prompts/prompt.module.js';
import { RewardModelModule } from '../reward-models/reward-model.module.js';
import { WebhookModule } from '../webhooks/webhook.module.js';
import { ComparisonService } from './comparison.service.js';
import { EvaluationDatasetService } from './evaluation-dataset.service.js';
import { EvaluationItems } from './evaluation-items.js';
import { EvaluationRunner } from './evaluation-runner.js';
import { EvaluationStarter } from './evaluation-starter.js';
import { EvaluationLifecycle } from './evaluation.lifecycle.js';
import { EvaluationProcessor } from './evaluation.processor.js';
import { EvaluationRepository } from './evaluation.repository.js';
import { EvaluationRunFieldsResolver, EvaluationRunResolver, EvaluationSuiteResolver } from './evaluation.resolver.js';
import { EvaluationService } from './evaluation.service.js';
import { SuiteService } from './suite.service.js';

@Module({
  imports: [DatasetModule, DeploymentModule, ModelModule, PromptModule, RewardModelModule, WebhookModule],
  providers: [
    EvaluationRepository, EvaluationLifecycle, SuiteService, EvaluationItems, EvaluationStarter, EvaluationService, ComparisonService, EvaluationDatasetService,
    EvaluationRunner, EvaluationProcessor, EvaluationSuiteResolver, EvaluationRunResolver, EvaluationRunFieldsResolver,
  ],
})
export class EvaluationModule {}
