import { type CanActivate, type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { randomUUID } from 'node:crypto';
import type { RequestContext } from '../common/request-context.js';
import { AuthService } from './auth.service.js';
import { type Carrier, carrierOf } from './carrier.js';
import { assertMay, requirementOf } from './requires-role.js';

const PUBLIC = Symbol('PUBLIC');

/** For routes that need no API key (health, calls with a token of their own). */
export const Public = () => SetMetadata(PUBLIC, true);

/** Authenticates once per request or operation, keeps the RequestContext for `@Ctx()`, and checks the caller's role. */
@Injectable()
export class RequestContextGuard implements CanActivate {
  constructor(
    private readonly auth: AuthService,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (this.reflector.getAllAndOverride<boolean>(PUBLIC, [context.getHandler(), context.getClass()])) return true;
    const carrier = carrierOf(context);
    carrier.triad ??= this.authenticate(carrier);
    assertMay(await carrier.triad, requirementOf(this.reflector, context));
    return true;
  }

  private authenticate(carrier: Carrier): Promise<RequestContext> {
    const request = carrier.req ?? carrier;
    const said = (name: string) => carrier.connectionParams?.[name] ?? request.headers?.[name];
    const authorization = carrier.connectionParams?.['Authorization'] ?? said('authorization');
    return this.auth.authenticate(authorization, request.id ?? randomUUID(), said('x-triad-project'));
  }
}
