import { isSpanContextValid, trace } from '@opentelemetry/api';
import { AsyncLocalStorage } from 'node:async_hooks';

/** What a line of the log says about where it was written. Ids only. */
export interface LogFields {
  requestId?: string;
  projectId?: string;
  /** `key:<api key id>` or `job:<name>`. */
  principal?: string;
  /** Name of the job that is being handled. */
  job?: string;
  /** GraphQL operation, by its root field. */
  operation?: string;
  /** Ids of the job's payload: jobId, runId, eventId, … */
  [id: `${string}Id`]: string | undefined;
}

const storage = new AsyncLocalStorage<LogFields>();

/** Runs `work`; every line logged in it, however deep, has these fields. */
export function withLogFields<T>(fields: LogFields, work: () => T): T {
  return storage.run({ ...fields }, work);
}

/** Adds to the fields of the request or job at hand what has become known; does nothing outside one. */
export function addLogFields(fields: LogFields): void {
  const current = storage.getStore();
  if (current) Object.assign(current, fields);
}

/** Fields of the request or job at hand, with the trace's id when it is traced. */
export function currentLogFields(): LogFields {
  const span = trace.getActiveSpan()?.spanContext();
  return { ...storage.getStore(), ...(span && isSpanContextValid(span) && { traceId: span.traceId }) };
}
