import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { GqlExecutionContext, type GqlContextType } from '@nestjs/graphql';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GraphQLResolveInfo } from 'graphql';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { type Carrier, carrierOf } from '../auth/carrier.js';
import { requirementOf } from '../auth/requires-role.js';
import { type Command, CommandService } from './command.service.js';

const NO_COMMAND = Symbol('NO_COMMAND');

/** For mutations and routes that change nothing of a tenant's, or that stream and call CommandService themselves. */
export const NoCommand = () => SetMetadata(NO_COMMAND, true);

/** Says that an answer is that of an earlier request with the same idempotency key. */
export function sayReplayed(reply: FastifyReply): void {
  void reply.header('idempotent-replayed', 'true');
}

/** Makes a command of each GraphQL mutation and each REST request that changes something: see CommandService. */
@Injectable()
export class CommandInterceptor implements NestInterceptor {
  constructor(
    private readonly commands: CommandService,
    private readonly reflector: Reflector,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const carrier = carrierOf(context);
    const command = carrier.triad && !this.reflector.getAllAndOverride<boolean>(NO_COMMAND, [context.getHandler(), context.getClass()])
      ? commandOf(context) : null;
    if (!command) return next.handle();
    const platform = requirementOf(this.reflector, context) === 'platform';
    return from(this.run(carrier, { ...command, platform }, next));
  }

  /** The handler's RequestContext is the one with the transaction; what is read for the answer afterwards has the caller's. */
  private async run(carrier: Carrier, command: Command & { reply: FastifyReply | undefined }, next: CallHandler): Promise<unknown> {
    const caller = carrier.triad!;
    try {
      const { answer, replayed } = await this.commands.run(await caller, command, (tx) => {
        carrier.triad = Promise.resolve(tx);
        return lastValueFrom(next.handle(), { defaultValue: undefined }) as Promise<unknown>;
      });
      if (replayed && command.reply) sayReplayed(command.reply);
      return answer;
    } finally {
      carrier.triad = caller;
    }
  }
}

function commandOf(context: ExecutionContext): (Command & { reply: FastifyReply | undefined }) | null {
  if (context.getType<GqlContextType>() === 'graphql') return mutationOf(GqlExecutionContext.create(context));
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  if (['GET', 'HEAD', 'OPTIONS'].includes(request.method)) return null;
  const operation = `${request.method} ${request.routeOptions.url}`;
  const given = { params: request.params, query: request.query, body: request.body };
  return { operation, arguments: given, key: headerOf(request), reply: context.switchToHttp().getResponse<FastifyReply>() };
}

function mutationOf(context: GqlExecutionContext): (Command & { reply: FastifyReply | undefined }) | null {
  const info = context.getInfo<GraphQLResolveInfo>();
  if (info.parentType !== info.schema.getMutationType()) return null;
  const given = context.getArgs<Record<string, unknown> & { idempotencyKey?: string | null }>();
  const { idempotencyKey } = given;
  delete given.idempotencyKey; // not the handler's: classes of arguments refuse what they do not know
  const { req, reply } = context.getContext<{ req?: FastifyRequest; reply?: FastifyReply }>();
  const header = req && headerOf(req);
  // One header stands for the whole document, whose commands are told apart by their places.
  const key = idempotencyKey ?? (header == null ? null : `${header}#${info.path.key}`);
  return { operation: info.fieldName, arguments: given, key, reply };
}

const headerOf = (request: FastifyRequest): string | null => [request.headers['idempotency-key']].flat()[0] ?? null;
