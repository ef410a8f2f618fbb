import { ApiKeyEntity, ProjectEntity } from '../auth/auth.entity.js';
import { PromptEntity, PromptLabelEntity, PromptVersionEntity } from '../prompts/prompt.entity.js';
import { OutboxEntity } from '../queue/outbox.entity.js';

/** Every table of the service. */
export const ENTITIES = [
  ProjectEntity, ApiKeyEntity, OutboxEntity,
  PromptEntity, PromptVersionEntity, PromptLabelEntity,
];
