import { type CanActivate, type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { randomUUID } from 'node:crypto';
import type { RequestContext } from '../common/request-context.js';
import { AdmissionService } from '../limits/admission.service.js';
import { AuthService } from './auth.service.js';
import { carrierOf } from './carrier.js';

const PUBLIC = Symbol('PUBLIC');

/** For routes that need no API key (health, calls with a token of their own). */
export const Public = () => SetMetadata(PUBLIC, true);

/** Authenticates and counts once per request or operation and keeps the RequestContext for `@Ctx()`. */
@Injectable()
export class RequestContextGuard implements CanActivate {
  constructor(
    private readonly auth: AuthService,
    private readonly admission: AdmissionService,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (this.reflector.getAllAndOverride<boolean>(PUBLIC, [context.getHandler(), context.getClass()])) return true;
    const carrier = carrierOf(context);
    const request = carrier.req ?? carrier;
    const params = carrier.connectionParams;
    const authorization = params?.['Authorization'] ?? params?.['authorization'] ?? request.headers?.['authorization'];
    carrier.triad ??= this.enter(context, authorization, request.id ?? randomUUID());
    await carrier.triad;
    return true;
  }

  private async enter(context: ExecutionContext, authorization: string | undefined, requestId: string): Promise<RequestContext> {
    const ctx = await this.auth.authenticate(authorization, requestId);
    const admitted = this.admission.admit(ctx, context);
    if (admitted) await admitted;
    return ctx;
  }
}
