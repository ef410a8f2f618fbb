import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AuthService } from '../auth/auth.service.js';
import { DomainError } from '../common/errors.js';
import { httpError } from '../common/http-error.filter.js';
import type { Queues } from '../queue/queues.js';

export const BOARD_PATH = '/admin/queues';
/** Scripts of its own only, and nothing from outside: its fonts fall back to the system's. */
const CONTENT_POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'self'; frame-ancestors 'none'";

/**
 * Bull Board, to look at the queues. It changes nothing: Postgres is the truth, and what should be on a queue gets there by
 * the reconcilers. It shows ids of all projects, so it is for platform keys: a browser asks for a name (any) and a password (the API key); other clients send
 * `Authorization: Bearer`.
 */
export async function serveQueueBoard(fastify: FastifyInstance, auth: AuthService, queues: Queues): Promise<void> {
  const adapter = new FastifyAdapter().setBasePath(BOARD_PATH);
  createBullBoard({
    queues: queues.all().map((queue) => new BullMQAdapter(queue, { readOnlyMode: true })),
    serverAdapter: adapter,
    options: { uiConfig: { boardTitle: 'Triad queues' } },
  });
  await fastify.register(async (board) => {
    board.addHook('onRequest', async (request, reply) => {
      try {
        await assertOperator(auth, request);
      } catch (error) {
        const { status, body, expected } = httpError(error);
        if (!expected) request.log.error(error);
        if (status === 401) reply.header('www-authenticate', 'Basic realm="Triad queues: the password is a platform API key", charset="UTF-8"');
        await reply.status(status).send(body);
      }
    });
    board.addHook('onSend', async (_request, reply) => { reply.header('content-security-policy', CONTENT_POLICY); });
    await board.register(adapter.registerPlugin());
  }, { prefix: BOARD_PATH });
}

/** @throws DomainError unauthenticated, or forbidden for whoever is not an admin of the platform. */
async function assertOperator(auth: AuthService, { headers: { authorization }, id }: FastifyRequest): Promise<void> {
  const basic = /^Basic\s+(\S+)$/i.exec(authorization ?? '')?.[1];
  const password = basic && Buffer.from(basic, 'base64').toString('utf8').replace(/^[^:]*:/, '');
  const { role, platform } = await auth.authenticate(password ? `Bearer ${password}` : authorization, id);
  if (role !== 'admin' || !platform) throw new DomainError('forbidden', 'The queues hold messages of all projects: only an admin\'s platform key shows them.');
}
