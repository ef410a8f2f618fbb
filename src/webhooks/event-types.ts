import { z } from 'zod';
import { DomainError } from '../common/errors.js';

const entry = <Data extends z.ZodObject>(version: number, description: string, data: Data) => ({ version, description, data });

const jobId = z.string().describe('The fine-tuning job.');
const runId = z.string().describe('The evaluation run.');
const experimentId = z.string().describe('The experiment.');
const subject = z.string().describe('What it is about: `prompts:/name@label`, `models:/name@alias`, or the name of a deployment.');
const code = z.string().describe('Why, stable, for programs.');
const inbound = z.strictObject({
  inboundWebhookId: z.string().describe('Where it came in.'),
  webhookId: z.string().describe('The sender\'s `webhook-id`.'),
  type: z.string().nullable().describe('The sender\'s own event type: `type` of the payload, if that is text of at most 200 bytes.'),
  payload: z.record(z.string(), z.unknown()).describe('The body as the sender signed it.'),
});

/**
 * Every event that is told to webhook endpoints: the one source of its types, of contracts/events and of the table in
 * docs/guides/webhooks.md. Names of job events follow OpenAI's. A field may be added within a version; a field that
 * goes or changes its meaning raises it.
 */
export const EVENT_TYPES = {
  'fine_tuning.job.succeeded': entry(1, 'A fine-tuning job ended well and its model version is registered.', z.strictObject({
    id: jobId, model: z.string().describe('The version that it made, as `models:/name/version`.'), modelVersionId: z.string(),
  })),
  'fine_tuning.job.failed': entry(1, 'A fine-tuning job ended in a failure.', z.strictObject({
    id: jobId, code, message: z.string().describe('What happened and what to do, for people.'),
  })),
  'fine_tuning.job.cancelled': entry(1, 'A fine-tuning job was cancelled and has stopped.', z.strictObject({ id: jobId })),
  'evaluation.succeeded': entry(1, 'An evaluation run ended well and its scores are final.', z.strictObject({ id: runId })),
  'evaluation.failed': entry(1, 'An evaluation run ended in a failure, which the run tells.', z.strictObject({ id: runId, code })),
  'model.alias.moved': entry(1, 'An alias now names another version of its model.', z.strictObject({
    model: z.string().describe('Name of the model.'), alias: z.string(), version: z.int().describe('What the alias names now.'),
    previousVersion: z.int().nullable().describe('What it named before; null when it is new.'), modelVersionId: z.string().describe('Of the version it names now.'),
  })),
  'deployment.changed': entry(1, 'A deployment was made, changed or deleted; calls go by what is told here.', z.strictObject({
    id: z.string().describe('The deployment.'), name: z.string(), change: z.enum(['created', 'updated', 'deleted']), revision: z.int(),
    arms: z.array(z.strictObject({ target: z.string(), weight: z.int() })).describe('The targets that calls are split over, and their shares.'),
    fallbacks: z.array(z.string()).describe('Targets that are asked when an arm has failed.'),
  })),
  'experiment.started': entry(1, 'An experiment began to take traffic.', z.strictObject({ id: experimentId, subject, arms: z.array(z.string()) })),
  'experiment.stopped': entry(1, 'An experiment was ended by somebody, its subject perhaps moved to one of its arms.', z.strictObject({
    id: experimentId, subject, promotedArm: z.string().nullable().describe('The arm that the subject names from now on; null when it stays as it is.'),
  })),
  'experiment.halted': entry(1, 'A guard of an experiment was violated, or its subject or the target of an arm was deleted: all traffic gets again what its subject names.', z.strictObject({
    id: experimentId, subject, metric: z.string().nullable().describe('Of the guard; null when something was deleted.'),
    arm: z.string().nullable().describe('That violates it, or whose target was deleted; null when the subject was.'), message: z.string(),
  })),
  'webhook_endpoint.disabled': entry(1, 'An endpoint of the project was disabled for its failures; the other endpoints are told.', z.strictObject({
    id: z.string().describe('The endpoint.'),
    reason: z.enum(['gone', 'failing']).describe('gone: it answered 410; failing: every attempt of five days failed.'),
    message: z.string(), disabledAt: z.string().meta({ format: 'date-time' }),
  })),
  'webhook.test': entry(1, 'Somebody tries out an endpoint (`sendTestWebhook`); only that endpoint is told.', z.strictObject({ endpointId: z.string() })),
  'inbound.openai': entry(1, 'A webhook of OpenAI came in.', inbound),
  'inbound.standard': entry(1, 'A webhook of another sender that signs as Standard Webhooks says came in.', inbound),
} as const;

export type EventType = keyof typeof EVENT_TYPES;
export type EventData<Type extends EventType> = z.input<(typeof EVENT_TYPES)[Type]['data']>;

/** @throws DomainError bad_input naming what is no event type. */
export function checkEventTypes(types: string[], param = 'eventTypes'): void {
  const unknown = types.find((type) => !Object.hasOwn(EVENT_TYPES, type));
  if (unknown === undefined) return;
  throw new DomainError('bad_input', `${JSON.stringify(unknown)} is not an event type; there are ${Object.keys(EVENT_TYPES).join(', ')}.`, param);
}

/** JSON Schema (2020-12) of what is posted for an event. It allows fields that it does not know: those of later releases. */
export function payloadSchema(type: EventType): Record<string, unknown> {
  const { version, description, data } = EVENT_TYPES[type];
  const payload = z.object({
    type: z.literal(type), version: z.literal(version).describe('Of this schema.'),
    timestamp: z.string().meta({ format: 'date-time', description: 'When it happened; every attempt tells the same.' }), data,
  });
  const { $schema, ...schema } = z.toJSONSchema(payload, {
    io: 'input', override: ({ jsonSchema }) => { if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties; },
  });
  return { $schema, $id: `events/${type}.v${version}.schema.json`, title: type, description, ...schema };
}
