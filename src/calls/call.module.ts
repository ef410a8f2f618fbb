import { Module } from '@nestjs/common';
import { DatasetModule } from '../datasets/dataset.module.js';
import { ModelModule } from '../models/model.module.js';
import { PromptModule } from '../prompts/prompt.module.js';
import { CallDatasetService } from './call-dataset.service.js';
import { CallExportService } from './call-export.service.js';
import { CallFeedbackRepository } from './call-feedback.repository.js';
import { CallFeedbackService } from './call-feedback.service.js';
import { CallLog } from './call-log.js';
import { CallPartitionRepository } from './call-partition.repository.js';
import { CallRetentionService } from './call-retention.service.js';
import { CallRowsRepository } from './call-rows.repository.js';
import { CallSettingsRepository } from './call-settings.repository.js';
import { CallSettingsService } from './call-settings.service.js';
import { CallController } from './call.controller.js';
import { CallRepository } from './call.repository.js';
import { CallFeedbackResolver, CallLoggingResolver, CallResolver } from './call.resolver.js';
import { CallService } from './call.service.js';

@Module({
  imports: [DatasetModule, ModelModule, PromptModule],
  controllers: [CallController],
  providers: [
    CallSettingsRepository, CallSettingsService, CallRowsRepository, CallLog, CallPartitionRepository, CallRetentionService,
    CallRepository, CallService, CallFeedbackRepository, CallFeedbackService, CallExportService, CallDatasetService,
    CallResolver, CallFeedbackResolver, CallLoggingResolver,
  ],
  exports: [CallLog, CallService, CallFeedbackService, CallSettingsService],
})
export class CallModule {}
