import { type CanActivate, type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { randomUUID } from 'node:crypto';
import { addLogFields } from '../observability/log-context.js';
import { AuthService } from './auth.service.js';
import { carrierOf } from './carrier.js';

const PUBLIC = Symbol('PUBLIC');

/** For routes that need no API key (health, calls with a token of their own). */
export const Public = () => SetMetadata(PUBLIC, true);

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
    const { projectId, principal } = await carrier.triad;
    addLogFields({ projectId, principal });
    return true;
  }
}
