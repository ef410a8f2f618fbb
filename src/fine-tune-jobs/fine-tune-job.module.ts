import { Module } from '@nestjs/common';
import { DatasetModule } from '../datasets/dataset.module.js';
import { ModelModule } from '../models/model.module.js';
import { PromptModule } from '../prompts/prompt.module.js';
import { WebhookModule } from '../webhooks/webhook.module.js';
import { AttemptService } from './attempt.service.js';
import { ProcessExecutor } from './executors/process.executor.js';
import { FineTuneEventRepository } from './fine-tune-event.repository.js';
import { FineTuneEventService } from './fine-tune-event.service.js';
import { FineTuneInputService } from './fine-tune-input.service.js';
import { FineTuneJobLifecycle } from './fine-tune-job.lifecycle.js';
import { FineTuneJobProcessor } from './fine-tune-job.processor.js';
import { FineTuneJobReconciler } from './fine-tune-job.reconciler.js';
import { FineTuneJobRepository } from './fine-tune-job.repository.js';
import { FineTuneJobResolver } from './fine-tune-job.resolver.js';
import { FineTuneJobService } from './fine-tune-job.service.js';
import { FineTuneResultService } from './fine-tune-result.service.js';
import { RunEventsController } from './run-events.controller.js';
import { SpoolService } from './spool.service.js';

@Module({
  imports: [PromptModule, DatasetModule, ModelModule, WebhookModule],
  controllers: [RunEventsController],
  providers: [
    FineTuneJobRepository, FineTuneEventRepository, FineTuneEventService, FineTuneInputService, FineTuneResultService, FineTuneJobLifecycle,
    FineTuneJobService, AttemptService, SpoolService, ProcessExecutor, FineTuneJobProcessor, FineTuneJobReconciler, FineTuneJobResolver,
  ],
  exports: [FineTuneJobService],
})
export class FineTuneJobModule {}
