import { Injectable, Logger } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AuthService } from '../auth/auth.service.js';
import { assertMay } from '../auth/requires-role.js';
import type { Operation } from '../calls/call-record.js';
import { httpError } from '../common/http-error.filter.js';
import { newId } from '../common/ids.js';
import { AdmissionService } from '../limits/admission.service.js';
import { estimateTokens } from './chat-usage.js';
import { GatewayCall } from './gateway-call.js';
import { type GatewayAnswer, GatewayService } from './gateway.service.js';

const JSON_TYPE = 'application/json; charset=utf-8';
/** A proxy that gathers a stream before it sends it would undo streaming. */
const STREAM_HEADERS = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', 'x-accel-buffering': 'no' };

/** Routes of the hot path, on Fastify itself: Nest's pipeline would cost each call more than all that the gateway does with it. */
export const GATEWAY_ROUTES: Record<string, Operation> = { '/v1/chat/completions': 'chat' };

/** OpenAI's routes that ask a model; its official clients are the judge of them. */
@Injectable()
export class GatewayRoutes {
  private readonly logger = new Logger('Gateway');

  constructor(
    private readonly auth: AuthService,
    private readonly admission: AdmissionService,
    private readonly gateway: GatewayService,
  ) {}

  /** To be called before the application listens. */
  async serve(fastify: FastifyInstance): Promise<void> {
    await fastify.register((scope, _options, done) => {
      scope.removeContentTypeParser('application/json');
      scope.addContentTypeParser('application/json', { parseAs: 'string' }, scope.getDefaultJsonParser('error', 'error'));
      scope.setErrorHandler((error, request, reply) => this.sendError(request, reply, error)); // of Fastify, before the handler
      for (const [path, operation] of Object.entries(GATEWAY_ROUTES)) {
        scope.post(path, { helmet: false }, (request, reply) => this.handle(operation, request, reply));
      }
      done();
    });
  }

  private async handle(operation: Operation, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    try {
      const call = await this.admit(operation, request, reply);
      reply.raw.once('close', () => {
        if (!reply.raw.writableFinished) call.gone.abort();
      });
      reply.header('x-triad-call-id', call.id);
      try {
        this.send(reply, await this.gateway.answer(call));
      } catch (error) {
        if (!call.gone.signal.aborted) throw error;
        reply.hijack();
      }
    } catch (error) {
      this.sendError(request, reply, error);
    }
    return reply as unknown as undefined;
  }

  /** Who calls, and whether it may. @throws DomainError unauthenticated, rate_limited, insufficient_quota. */
  private async admit(operation: Operation, request: FastifyRequest, reply: FastifyReply): Promise<GatewayCall> {
    const { headers, id } = request;
    const body = request.body as Record<string, unknown> | null;
    const ctx = this.auth.recall(headers.authorization, id) ?? await this.auth.authenticate(headers.authorization, id, headers['x-triad-project'] as string | undefined);
    assertMay(ctx, 'viewer');
    const admitted = this.admission.admitCall(ctx, () => estimateTokens(body), () => reply);
    return new GatewayCall(newId('call'), operation, ctx, body ?? {}, admitted && await admitted);
  }

  private send(reply: FastifyReply, answer: GatewayAnswer): void {
    if ('body' in answer) {
      void reply.status(answer.status).headers(answer.headers).header('content-type', JSON_TYPE).send(answer.body);
      return;
    }
    // Each event goes out as it comes: not through Fastify's own stream handling.
    reply.hijack();
    reply.raw.writeHead(answer.status, { ...reply.getHeaders() as Record<string, string>, ...answer.headers, ...STREAM_HEADERS });
    answer.pipe(reply.raw);
  }

  private sendError(request: FastifyRequest, reply: FastifyReply, error: unknown): void {
    const { status, body, expected } = httpError(error);
    if (!expected) this.logger.error(`${request.method} ${request.url} ${request.id}: ${error instanceof Error ? error.stack : String(error)}`);
    void reply.status(status).header('content-type', JSON_TYPE).send(JSON.stringify(body));
  }
}
