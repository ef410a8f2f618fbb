import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { withLogFields } from './log-context.js';
import { jobDuration, jobWait } from './metrics.js';
import { contextOf } from './trace-context.js';

const tracer = trace.getTracer('triad');

/** A message of a queue as far as it is watched. */
export interface WatchedJob {
  name: string;
  /** The payload: ids only. */
  ids: { projectId: string } & Record<string, string>;
  traceparent: string | undefined;
  /** When it was to be started, milliseconds since the epoch; null when it was started before. */
  dueAt: number | null;
}

/** Handles a message: under its ids in the log, as a span of the trace that it carries, measured. */
export async function inJobScope(job: WatchedJob, handle: () => Promise<void>): Promise<void> {
  const startedAt = performance.now();
  if (job.dueAt !== null) jobWait.observe({ job: job.name }, Math.max(0, Date.now() - job.dueAt) / 1000);
  const finish = (outcome: 'done' | 'failed') => jobDuration.observe({ job: job.name, outcome }, (performance.now() - startedAt) / 1000);
  const attributes = Object.fromEntries(Object.entries(job.ids).map(([name, id]) => [`triad.${name}`, id]));
  await withLogFields({ ...job.ids, job: job.name, principal: `job:${job.name}` }, () =>
    tracer.startActiveSpan(`job ${job.name}`, { kind: SpanKind.CONSUMER, attributes }, contextOf(job.traceparent), async (span) => {
      try {
        await handle();
        finish('done');
      } catch (error) {
        finish('failed');
        span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : 'failed' });
        throw error;
      } finally {
        span.end();
      }
    }));
}
