import type { IncomingHttpHeaders } from 'node:http';
import { trace } from '@opentelemetry/api';
import type { FastifyInstance } from 'fastify';
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { openLogScope } from './log-context.js';
import { httpDuration } from './metrics.js';

const CALLERS_ID = /^[\w.-]{1,128}$/;

/** The caller's x-request-id, if it is one that a log can hold; else a new one. */
export function requestIdOf({ headers }: { headers: IncomingHttpHeaders }): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && CALLERS_ID.test(given) ? given : `req-${randomUUID()}`;
}

/** What a route says of itself. */
interface RouteConfig {
  /** Names the request in its lines by itself: the scope of log fields would cost it more than all else that is done here. */
  hot?: boolean;
}

const series = new Map<string, { observe(seconds: number): void }>();

/** Routes are patterns and methods are few: the map stays small. */
function seriesOf(method: string, route: string, status: number): { observe(seconds: number): void } {
  const name = `${method} ${status} ${route}`;
  let found = series.get(name);
  if (!found) series.set(name, found = httpDuration.labels(method, route, String(status)));
  return found;
}

/**
 * For each HTTP request: its id on the answer and in the log, its duration among the metrics by route (never by URL, which
 * has no bound), its id and route on the trace; at level debug a line.
 */
export function observeRequests(fastify: FastifyInstance, logger: Logger): void {
  const logs = logger.isLevelEnabled('debug');
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    const span = trace.getActiveSpan();
    if (span) {
      span.updateName(`${request.method} ${request.routeOptions.url ?? 'unmatched'}`);
      span.setAttributes({ 'http.route': request.routeOptions.url ?? 'unmatched', 'triad.request_id': request.id });
    }
    if ((request.routeOptions.config as RouteConfig).hot) done();
    else reply.raw.once('close', openLogScope({ requestId: request.id }, done));
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const { method, routeOptions: { url: route = 'unmatched' } } = request;
    seriesOf(method, route, reply.statusCode).observe(reply.elapsedTime / 1000);
    if (logs) {
      logger.debug({ context: 'HTTP', method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime * 10) / 10, bytes: Number(reply.getHeader('content-length') ?? 0) }, 'request');
    }
    done();
  });
}
