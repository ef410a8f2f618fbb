import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { AuthModule } from './auth/auth.module.js';
import { HttpErrorFilter } from './common/http-error.filter.js';
import { CallModule } from './calls/call.module.js';
import { CommandModule } from './commands/command.module.js';
import { ConfigModule } from './config/config.module.js';
import { DatabaseModule } from './database/database.module.js';
import { DeploymentModule } from './deployments/deployment.module.js';
import { DatasetModule } from './datasets/dataset.module.js';
import { EvaluationModule } from './evaluations/evaluation.module.js';
import { ExperimentModule } from './experiments/experiment.module.js';
import { FineTuneJobModule } from './fine-tune-jobs/fine-tune-job.module.js';
import { GatewayModule } from './gateway/gateway.module.js';
import { GraphqlModule } from './graphql/graphql.module.js';
import { HealthController } from './health.controller.js';
import { LimitsModule } from './limits/limits.module.js';
import { ModelModule } from './models/model.module.js';
import { ObservabilityModule } from './observability/observability.module.js';
import { PromptModule } from './prompts/prompt.module.js';
import { QueueModule } from './queue/queue.module.js';
import { RewardModelModule } from './reward-models/reward-model.module.js';
import { WebhookModule } from './webhooks/webhook.module.js';

/** The same modules in both processes: main.ts serves them, worker.ts starts their job handlers. */
@Module({
  imports: [
    ConfigModule,
    DatabaseModule,
    QueueModule,
    AuthModule,
    CommandModule,
    ObservabilityModule,
    LimitsModule,
    GraphqlModule,
    PromptModule,
    ModelModule,
    DatasetModule,
    CallModule,
    FineTuneJobModule,
    DeploymentModule,
    ExperimentModule,
    GatewayModule,
    RewardModelModule,
    EvaluationModule,
    WebhookModule,
  ],
  controllers: [HealthController],
  providers: [{ provide: APP_FILTER, useClass: HttpErrorFilter }],
})
export class AppModule {}
