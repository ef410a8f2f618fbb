import { ApiKeyEntity, ProjectEntity } from '../auth/auth.entity.js';
import { CallEntity, CallFeedbackEntity, CallSettingsEntity } from '../calls/call.entity.js';
import { AuditChangeEntity, AuditEntryEntity, IdempotencyKeyEntity } from '../commands/command.entity.js';
import { DatasetEntity, DatasetPromptEntity, DatasetVersionEntity, FileEntity } from '../datasets/dataset.entity.js';
import { DeploymentEntity, ProviderEntity } from '../deployments/deployment.entity.js';
import { EvaluationRunEntity, EvaluationSampleEntity, EvaluationSuiteEntity } from '../evaluations/evaluation.entity.js';
import { ExperimentArmEntity, ExperimentEntity } from '../experiments/experiment.entity.js';
import { FineTuneCheckpointEntity, FineTuneEventEntity, FineTuneJobEntity } from '../fine-tune-jobs/fine-tune-job.entity.js';
import { UsageMonthEntity } from '../limits/usage.entity.js';
import { ArtefactEntity, LineageEdgeEntity, ModelAliasEntity, ModelEntity, ModelVersionEntity } from '../models/model.entity.js';
import { PromptEntity, PromptLabelEntity, PromptProtectedLabelEntity, PromptVersionEntity } from '../prompts/prompt.entity.js';
import { OutboxEntity } from '../queue/outbox.entity.js';
import { InboundMessageEntity, InboundWebhookEntity } from '../webhooks/inbound/inbound-webhook.entity.js';
import { EventEntity, WebhookDeliveryEntity, WebhookEndpointEntity, WebhookReplayEntity } from '../webhooks/webhook.entity.js';

/** Every table of the service. */
export const ENTITIES = [
  ProjectEntity, ApiKeyEntity, UsageMonthEntity, OutboxEntity, IdempotencyKeyEntity, AuditEntryEntity, AuditChangeEntity,
  PromptEntity, PromptVersionEntity, PromptLabelEntity, PromptProtectedLabelEntity,
  FileEntity, DatasetEntity, DatasetVersionEntity, DatasetPromptEntity,
  ModelEntity, ModelVersionEntity, ModelAliasEntity, ArtefactEntity, LineageEdgeEntity,
  FineTuneJobEntity, FineTuneEventEntity, FineTuneCheckpointEntity,
  EvaluationSuiteEntity, EvaluationRunEntity, EvaluationSampleEntity,
  ProviderEntity, DeploymentEntity,
  ExperimentEntity, ExperimentArmEntity,
  CallEntity, CallFeedbackEntity, CallSettingsEntity,
  EventEntity, WebhookEndpointEntity, WebhookDeliveryEntity, WebhookReplayEntity, InboundWebhookEntity, InboundMessageEntity,
];
