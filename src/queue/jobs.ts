import { z } from 'zod';

const ids = (...names: string[]) => z.strictObject(Object.fromEntries(['projectId', ...names].map((name) => [name, z.string()])));

/**
 * Every job of the service: its queue and the shape of its payload, which holds ids only (Postgres is the truth; a message
 * may come twice, late or never). To add a job: add it here, write one `@HandlesJob` method, call `Outbox.enqueue`.
 */
export const JOBS = {
  'fine-tune.run': { queue: 'fine-tune', payload: ids('jobId') },
  'evaluation.run': { queue: 'evaluation', payload: ids('runId') },
  'experiment.check': { queue: 'experiment', payload: ids('experimentId') },
  'webhook.fan-out': { queue: 'webhook', payload: ids('eventId') },
  'webhook.deliver': { queue: 'webhook', payload: ids('deliveryId') },
  'webhook.replay': { queue: 'webhook', payload: ids('replayId') },
} as const satisfies Record<string, { queue: string; payload: z.ZodType }>;

export type JobName = keyof typeof JOBS;
export type JobPayload = { projectId: string } & Record<string, string>;

/** How many jobs of a queue one worker process runs at a time. Webhook attempts wait on others' servers, mostly. */
export const QUEUE_CONCURRENCY = { 'fine-tune': 1, evaluation: 1, experiment: 1, webhook: 256 } as const satisfies Record<string, number>;
export type QueueName = keyof typeof QUEUE_CONCURRENCY;
