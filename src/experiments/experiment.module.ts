import { Module } from '@nestjs/common';
import { CallModule } from '../calls/call.module.js';
import { DeploymentModule } from '../deployments/deployment.module.js';
import { ModelModule } from '../models/model.module.js';
import { PromptModule } from '../prompts/prompt.module.js';
import { WebhookModule } from '../webhooks/webhook.module.js';
import { ExperimentControlService } from './experiment-control.service.js';
import { ExperimentDesignService } from './experiment-design.service.js';
import { ExperimentLifecycle } from './experiment.lifecycle.js';
import { ExperimentProcessor } from './experiment.processor.js';
import { ExperimentRepository } from './experiment.repository.js';
import { ExperimentArmResolver, ExperimentFieldsResolver, ExperimentResolver, PromptVersionExperimentsResolver } from './experiment.resolver.js';
import { ExperimentSubjectService } from './experiment-subject.service.js';
import { ExperimentService } from './experiment.service.js';
import { MeasurementRepository } from './measurement.repository.js';
import { ResultsService } from './results.service.js';

@Module({
  imports: [CallModule, DeploymentModule, ModelModule, PromptModule, WebhookModule],
  providers: [
    ExperimentRepository, MeasurementRepository, ExperimentLifecycle, ExperimentService, ExperimentSubjectService, ExperimentDesignService, ExperimentControlService, ResultsService,
    ExperimentProcessor, ExperimentResolver, ExperimentFieldsResolver, ExperimentArmResolver, PromptVersionExperimentsResolver,
  ],
  exports: [ExperimentService],
})
export class ExperimentModule {}
