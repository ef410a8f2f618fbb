import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import manifestSchema from '../../contracts/manifest.schema.json' with { type: 'json' };
import rewardReportSchema from '../../contracts/reward-report.schema.json' with { type: 'json' };
import schema from '../../contracts/run-events.schema.json' with { type: 'json' };
import { DomainError } from '../common/errors.js';
import type { RunEvent, RunEventBatch } from '../contracts/contracts.generated.js';

const ajv = new Ajv2020({ schemas: [manifestSchema, rewardReportSchema] });
addFormats.default(ajv);
const validate = ajv.compile<RunEventBatch>(schema);

/** @throws DomainError bad_input saying where the value departs from contracts/run-events.schema.json. */
export function parseBatch(value: unknown): RunEventBatch {
  if (validate(value)) return withoutNul(value);
  const [error] = validate.errors ?? [];
  throw new DomainError('bad_input', `The batch departs from contracts/run-events.schema.json: ${error?.instancePath || 'body'} ${error?.message ?? 'is not valid'}.`);
}

/** Postgres cannot store NUL in text. */
function withoutNul(batch: RunEventBatch): RunEventBatch {
  const clean = (_: string, value: unknown) => (typeof value === 'string' ? value.replaceAll('\0', '\uFFFD') : value);
  return JSON.parse(JSON.stringify(batch), clean) as RunEventBatch;
}

/** The events that follow `last` without a gap, in order; an event sent twice counts once. */
export function nextInOrder(events: readonly RunEvent[], last: number): RunEvent[] {
  const bySeq = new Map(events.map((event) => [event.seq, event]));
  const next: RunEvent[] = [];
  for (let event = bySeq.get(last + 1); event; event = bySeq.get(event.seq + 1)) next.push(event);
  return next;
}
