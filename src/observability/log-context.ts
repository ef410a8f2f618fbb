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

/** Scopes that have not ended. */
let open = 0;

/**
 * Runs `work`; every line logged in it, however deep, has these fields.
 * @returns what ends the scope, to be called once when all that belongs to it is over
 */
export function openLogScope(fields: LogFields, work: () => void): () => void {
  open += 1;
  const close = () => {
    open -= 1;
    // Before Node 24 every promise of the process pays for as long as the storage is in use.
    if (open === 0) storage.disable();
  };
  try {
    storage.run({ requestId: undefined, projectId: undefined, principal: undefined, ...fields }, work);
    return close;
  } catch (error) {
    close();
    throw error;
  }
}

/** As `openLogScope`; the scope ends with what `work` promises. */
export async function withLogFields<T>(fields: LogFields, work: () => Promise<T>): Promise<T> {
  let result!: Promise<T>;
  const end = openLogScope(fields, () => { result = work(); });
  try {
    return await result;
  } finally {
    end();
  }
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
