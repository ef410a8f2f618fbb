import type { IncomingHttpHeaders } from 'node:http';
import { trace } from '@opentelemetry/api';
import type { FastifyInstance } from 'fastify';
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { withLogFields } from './log-context.js';
import { httpDuration } from './metrics.js';

const CALLERS_ID = /^[\w.-]{1,128}$/;

/** The caller's x-request-id, if it is one that a log can hold; else a new one. */
export function requestIdOf({ headers }: { headers: IncomingHttpHeaders }): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && CALLERS_ID.test(given) ? given : `req-${randomUUID()}`;
}

/**
 * Before Node 24 an AsyncLocalStorage makes every promise of the process dearer, by a tenth of a GraphQL request; there it
 * follows requests only when their lines are wanted (debug), or when tracing has made that cost already. Unexpected errors
 * name their request by themselves; jobs are always followed.
 */
const FOLLOWING_IS_CHEAP = Number(process.versions.node.split('.')[0]) >= 24;

/**
 * For each HTTP request: its id on the answer and in the log, its duration among the metrics by route (never by URL, which
 * has no bound), its id and route on the trace; at level debug a line.
 */
export function observeRequests(fastify: FastifyInstance, logger: Logger, traced: boolean): void {
  const logs = logger.isLevelEnabled('debug');
  const follows = FOLLOWING_IS_CHEAP || logs || traced;
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    const span = trace.getActiveSpan();
    if (span) {
      span.updateName(`${request.method} ${request.routeOptions.url ?? 'unmatched'}`);
      span.setAttributes({ 'http.route': request.routeOptions.url ?? 'unmatched', 'triad.request_id': request.id });
    }
    if (follows) withLogFields({ requestId: request.id }, done);
    else done();
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const { method, routeOptions: { url: route = 'unmatched' } } = request;
    httpDuration.observe({ method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
    if (logs) {
      logger.debug({ context: 'HTTP', method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime * 10) / 10, bytes: Number(reply.getHeader('content-length') ?? 0) }, 'request');
    }
    done();
  });
}
