import { type Context, context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';

const tracer = trace.getTracer('triad');

/** The W3C `traceparent` of what is going on, to be carried by a row or a message; null when it is not traced. */
export function currentTraceparent(): string | null {
  return traceparentOf(context.active());
}

/** The context to go on in for what a `traceparent` was carried to. */
export function contextOf(traceparent: string | null | undefined): Context {
  return traceparent ? propagation.extract(ROOT_CONTEXT, { traceparent }) : ROOT_CONTEXT;
}

/** Runs `work` as a span of the trace at hand; it ends when the work does. */
export function inSpan<T>(name: string, work: () => Promise<T>): Promise<T> {
  return tracer.startActiveSpan(name, (span) => work().finally(() => span.end()));
}

/**
 * Notes on its trace that a job was put on its queue.
 * @param since when it was enqueued: the span lasts from then to now
 * @returns the `traceparent` that the message is to carry; undefined when it is not traced
 */
export function traceRelay(job: string, traceparent: string | null, since: Date): string | undefined {
  if (!traceparent) return undefined;
  const parent = contextOf(traceparent);
  const span = tracer.startSpan(`outbox ${job}`, { kind: SpanKind.PRODUCER, startTime: since, attributes: { 'messaging.system': 'bullmq', 'messaging.operation.type': 'send' } }, parent);
  span.end();
  return traceparentOf(trace.setSpan(parent, span)) ?? traceparent;
}

function traceparentOf(from: Context): string | null {
  const carrier: { traceparent?: string } = {};
  propagation.inject(from, carrier);
  return carrier.traceparent ?? null;
}
