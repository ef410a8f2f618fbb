/** What the service counts as it happens, in prom-client's default registry. What it looks up when asked is in state-metrics.ts. */
import { Counter, Gauge, Histogram } from 'prom-client';

const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const JOB_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 1800, 7200, 43_200];

/** Every label has a bound: routes are patterns, operations are root fields of the schema. */
export const httpDuration = new Histogram({
  name: 'triad_http_request_duration_seconds', help: 'HTTP requests by route pattern and status', labelNames: ['method', 'route', 'status'] as const, buckets: REQUEST_SECONDS,
});

export const graphqlDuration = new Histogram({
  name: 'triad_graphql_operation_duration_seconds', help: 'GraphQL operations over HTTP by root field and error code (ok: none)', labelNames: ['type', 'operation', 'code'] as const, buckets: REQUEST_SECONDS,
});

export const jobDuration = new Histogram({
  name: 'triad_job_duration_seconds', help: 'Handling of one message of a queue', labelNames: ['job', 'outcome'] as const, buckets: JOB_SECONDS,
});

export const jobWait = new Histogram({
  name: 'triad_job_wait_seconds', help: 'From the time a message was due on its queue to the start of its handling', labelNames: ['job'] as const,
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 60, 300, 1800],
});

export const webhookAttempts = new Counter({
  name: 'triad_webhook_attempts_total', help: 'Webhook attempts: delivered (2xx), refused (another status), unanswered', labelNames: ['outcome'] as const,
});

export const outboxRelayed = new Counter({ name: 'triad_outbox_relayed_total', help: 'Outbox rows put on queues' });

export const callsWritten = new Counter({ name: 'triad_call_log_written_total', help: 'Calls written to the log' });

export const callsDropped = new Counter({
  name: 'triad_call_log_dropped_total', labelNames: ['reason'] as const,
  help: 'Calls that are not in the log: buffer_full (Postgres away or too slow), refused (for what is in the row), shutdown (not written when the process ended)',
});

export const callsBuffered = new Gauge({ name: 'triad_call_log_buffered', help: 'Calls held in memory until they are in the log, when it was last written' });
