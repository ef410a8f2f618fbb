import { Injectable, Logger } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Entered, HotGuard } from '../auth/hot-guard.js';
import type { Operation } from '../calls/call-record.js';
import { Cancellation } from '../common/cancellation.js';
import { loggedHttpError } from '../common/http-error.filter.js';
import { newId } from '../common/ids.js';
import type { GatewayAnswer } from './answer-passer.js';
import { estimateTokens } from './estimate.js';
import { errorBody } from './event-shape.js';
import { type CallHeaders, GatewayCall } from './gateway-call.js';
import { GatewayService } from './gateway.service.js';
import { FailoverError } from './routing/failover-run.js';
import { PASSED_HEADERS } from './protocols/anthropic.js';

const CLIENT_LEFT = new DOMException('The client has left.', 'AbortError');
const JSON_TYPE = 'application/json; charset=utf-8';
/** A proxy that gathers a stream before it sends it would undo streaming. */
const STREAM_HEADERS = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', 'x-accel-buffering': 'no' };

/** Routes of the hot path, on Fastify itself: Nest's pipeline would cost each call more than all that the gateway does with it. */
export const GATEWAY_ROUTES: Record<string, Operation> = {
  '/v1/chat/completions': 'chat', '/v1/completions': 'completion', '/v1/embeddings': 'embedding', '/v1/images/generations': 'image', '/v1/messages': 'message',
};

/** OpenAI's routes that ask a model, and Anthropic's; their official clients are the judges of them. */
@Injectable()
export class GatewayRoutes {
  private readonly logger = new Logger('Gateway');

  constructor(
    private readonly guard: HotGuard,
    private readonly gateway: GatewayService,
  ) {}

  /** To be called before the application listens. */
  async serve(fastify: FastifyInstance): Promise<void> {
    await fastify.register((scope, _options, done) => {
      scope.removeContentTypeParser('application/json');
      scope.addContentTypeParser('application/json', { parseAs: 'string' }, scope.getDefaultJsonParser('error', 'error'));
      for (const [path, operation] of Object.entries(GATEWAY_ROUTES)) {
        scope.post(path, {
          helmet: false, config: { hot: true },
          errorHandler: (error, request, reply) => this.sendError(operation, request, reply, error), // of Fastify, before the handler
        }, (request, reply) => this.handle(operation, request, reply));
      }
      done();
    });
  }

  private async handle(operation: Operation, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const gone = new Cancellation();
    // The client may leave before it has been let in.
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) gone.abort(CLIENT_LEFT);
    });
    try {
      const admitted = this.admit(operation, request, reply, gone);
      const call = admitted instanceof Promise ? await admitted : admitted;
      void reply.header('x-triad-call-id', call.id);
      this.send(reply, await this.gateway.answer(call));
    } catch (error) {
      if (gone.aborted) reply.hijack();
      else this.sendError(operation, request, reply, error);
    }
    return reply;
  }

  /** @throws DomainError unauthenticated, rate_limited, insufficient_quota. */
  private admit(operation: Operation, request: FastifyRequest, reply: FastifyReply, gone: Cancellation): GatewayCall | Promise<GatewayCall> {
    const { headers } = request;
    const body = (request.body ?? {}) as Record<string, unknown>;
    const start = ({ ctx, reservation }: Entered) => new GatewayCall(newId('call'), operation, ctx, body, headersOf(operation, request), reservation, gone);
    const entered = this.guard.enter(request, reply, {
      role: 'viewer', estimate: () => estimateTokens(body, Number(headers['content-length']) || undefined),
      // Anthropic's clients give the key by itself.
      authorization: operation === 'message' && typeof headers['x-api-key'] === 'string' ? `Bearer ${headers['x-api-key']}` : undefined,
    });
    return entered instanceof Promise ? entered.then(start) : start(entered);
  }

  /** Past Fastify's way of sending, which no hook needs here: an answer in one write, each event of a stream as it comes. */
  private send(reply: FastifyReply, answer: GatewayAnswer): void {
    reply.hijack();
    const headers = reply.getHeaders() as Record<string, string | number>;
    headers['x-content-type-options'] = 'nosniff';
    Object.assign(headers, answer.headers);
    if ('body' in answer) {
      headers['content-length'] = Buffer.byteLength(answer.body);
      if (answer.isEvents) Object.assign(headers, STREAM_HEADERS);
      else headers['content-type'] = JSON_TYPE;
      reply.raw.writeHead(answer.status, headers).end(answer.body);
    } else {
      reply.raw.writeHead(answer.status, Object.assign(headers, STREAM_HEADERS));
      answer.pipe(reply.raw);
    }
  }

  private sendError(operation: Operation, request: FastifyRequest, reply: FastifyReply, error: unknown): void {
    const { status, body } = loggedHttpError(error, request, this.logger);
    if (status === 401) Object.assign(body.error, { type: 'invalid_request_error', code: 'invalid_api_key' }); // OpenAI's words
    if (error instanceof FailoverError) void reply.headers(headersOfFailure(error));
    void reply.status(status).header('content-type', JSON_TYPE).send(JSON.stringify(errorBody({ operation }, status, body.error, request.id)));
  }
}

function headersOf(operation: Operation, { headers }: FastifyRequest): CallHeaders {
  const text = (name: string) => (typeof headers[name] === 'string' ? headers[name] : undefined);
  const passed = operation === 'message' ? PASSED_HEADERS.flatMap((name) => (text(name) === undefined ? [] : [[name, text(name)!] as const])) : [];
  return { stickyKey: text('x-triad-sticky-key') ?? null, cacheControl: text('x-triad-cache-control'), passedOn: passed.length > 0 ? Object.fromEntries(passed) : null };
}

/** What was repeated here need not be repeated by OpenAI's clients as well. */
function headersOfFailure({ retryAfterMs, attempts }: FailoverError): Record<string, string> {
  return { ...(retryAfterMs !== null && { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) }), ...(attempts > 1 && { 'x-should-retry': 'false' }) };
}
