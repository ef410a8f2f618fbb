import { type CanActivate, createParamDecorator, type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { GqlExecutionContext, type GqlContextType } from '@nestjs/graphql';
import { randomUUID } from 'node:crypto';
import type { RequestContext } from '../common/request-context.js';
import { AuthService } from './auth.service.js';

const PUBLIC = Symbol('PUBLIC');

/** For routes that need no API key (health, calls with a token of their own). */
export const Public = () => SetMetadata(PUBLIC, true);

/** What an edge's request is to us: an HTTP request, or the context of a GraphQL operation over HTTP or WebSocket. */
interface Carrier {
  id?: string;
  headers?: Record<string, string | undefined>;
  req?: Carrier;
  connectionParams?: Record<string, string | undefined>;
  triad?: Promise<RequestContext>;
}

function carrierOf(context: ExecutionContext): Carrier {
  return context.getType<GqlContextType>() === 'graphql'
    ? GqlExecutionContext.create(context).getContext<Carrier>()
    : context.switchToHttp().getRequest<Carrier>();
}

/** Authenticates once per request or operation and keeps the RequestContext for `@Ctx()`. */
@Injectable()
export class RequestContextGuard implements CanActivate {
  constructor(
    private readonly auth: AuthService,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (this.reflector.getAllAndOverride<boolean>(PUBLIC, [context.getHandler(), context.getClass()])) return true;
    const carrier = carrierOf(context);
    const request = carrier.req ?? carrier;
    const params = carrier.connectionParams;
    const authorization = params?.['Authorization'] ?? params?.['authorization'] ?? request.headers?.['authorization'];
    carrier.triad ??= this.auth.authenticate(authorization, request.id ?? randomUUID());
    await carrier.triad;
    return true;
  }
}

/** Injects the caller's RequestContext into a resolver or controller method. */
export const Ctx = createParamDecorator((_: unknown, context: ExecutionContext) => carrierOf(context).triad);
