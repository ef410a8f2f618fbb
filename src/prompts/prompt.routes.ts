import { Injectable, Logger } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { HotGuard } from '../auth/hot-guard.js';
import { DomainError } from '../common/errors.js';
import { loggedHttpError } from '../common/http-error.filter.js';
import { LABEL_PATTERN } from '../common/references.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { Notifications } from '../database/notifications.js';
import { Remembered } from '../database/remembered.js';
import { versionObject } from './prompt-rest.js';
import { PromptService } from './prompt.service.js';
import { PROMPTS_TOPIC } from './ready-prompts.service.js';

const PROMPT_ROUTE = '/v1/prompts/*';
const JSON_TYPE = 'application/json; charset=utf-8';
const MAX_VERSION = 2_147_483_647;

/**
 * Serves one version of a prompt by number or label: what apps fetch over and over. The answer is remembered as the bytes
 * that it is, right within a second after a label moved, and stands while Postgres is away.
 */
@Injectable()
export class PromptRoutes {
  private readonly logger = new Logger('Prompts');
  private readonly answers: Remembered<string>;

  constructor(
    private readonly guard: HotGuard,
    private readonly prompts: PromptService,
    database: Database,
    notifications: Notifications,
  ) {
    this.answers = new Remembered(database, notifications, { topic: PROMPTS_TOPIC, freshMs: 1_000, max: 10_000 });
  }

  /** To be called before the application listens. */
  async serve(fastify: FastifyInstance): Promise<void> {
    await fastify.register((scope, _options, done) => {
      scope.get(PROMPT_ROUTE, { helmet: false, config: { hot: true } }, (request, reply) => this.handle(request, reply));
      done();
    });
  }

  private async handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    void reply.header('content-type', JSON_TYPE).header('x-content-type-options', 'nosniff');
    try {
      const entering = this.guard.enter(request, reply, { role: 'viewer' });
      const { ctx } = entering instanceof Promise ? await entering : entering;
      const answer = this.answer(ctx, (request.params as { '*': string })['*'], request.query as Record<string, unknown>);
      void reply.send(answer instanceof Promise ? await answer : answer);
    } catch (error) {
      const { status, body } = loggedHttpError(error, request, this.logger);
      void reply.status(status).send(JSON.stringify(body));
    }
    return reply;
  }

  private answer(ctx: RequestContext, name: string, query: Record<string, unknown>): string | Promise<string> {
    const by = readQuery(query);
    const key = by.version === null ? `${name}@${by.label ?? ''}` : `${name}/${by.version}`;
    return this.answers.get(ctx.projectId, key, () => this.load(ctx, name, by)) as string | Promise<string>;
  }

  private async load(ctx: RequestContext, name: string, by: { label: string | null; version: number | null }): Promise<string> {
    const version = await this.prompts.fetch(ctx, name, by);
    const [prompt, labels] = await Promise.all([this.prompts.load(ctx, version.promptId), this.prompts.labelsOf(ctx, version)]);
    return JSON.stringify(versionObject(version, prompt!, labels));
  }
}

/** @throws DomainError bad_input naming the parameter. */
function readQuery({ label, version, ...others }: Record<string, unknown>): { label: string | null; version: number | null } {
  const [other] = Object.keys(others);
  if (other !== undefined) throw new DomainError('bad_input', `There is no parameter ${JSON.stringify(other)} here; there are label and version.`, other);
  if (label !== undefined && !(typeof label === 'string' && LABEL_PATTERN.test(label))) throw new DomainError('bad_input', 'label must be 1–36 of a–z, 0–9, _, ., -', 'label');
  const number = version === undefined ? null : Number(version);
  if (number !== null && !(typeof version === 'string' && /^\d+$/.test(version) && number >= 1 && number <= MAX_VERSION)) throw new DomainError('bad_input', `version must be a whole number from 1 to ${MAX_VERSION}.`, 'version');
  return { label: label ?? null, version: number };
}
