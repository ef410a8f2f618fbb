/** Every event that a webhook endpoint may subscribe to, and what it says. Names of job events follow OpenAI's. */
export const EVENT_TYPES = {
  'fine_tuning.job.succeeded': 'A fine-tuning job ended well and its model version is registered; data.id is the job.',
  'fine_tuning.job.failed': 'A fine-tuning job ended in a failure, which the job tells; data.id is the job.',
  'fine_tuning.job.cancelled': 'A fine-tuning job was cancelled and has stopped; data.id is the job.',
  'evaluation.succeeded': 'An evaluation run ended well and its scores are final; data.id is the run.',
  'evaluation.failed': 'An evaluation run ended in a failure, which the run tells; data.id is the run.',
  'model.alias.moved': 'An alias now names another version; data.model, data.alias, data.version and data.previousVersion tell which.',
} as const;

export type EventType = keyof typeof EVENT_TYPES;
