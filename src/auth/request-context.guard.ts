import { type CanActivate, type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { randomUUID } from 'node:crypto';
import type { RequestContext } from '../common/request-context.js';
import { AdmissionService } from '../limits/admission.service.js';
import { AuthService } from './auth.service.js';
import { type Carrier, carrierOf } from './carrier.js';
import { assertMay, requirementOf } from './requires-role.js';

const PUBLIC = Symbol('PUBLIC');

/** For routes that need no API key (health, calls with a token of their own). */
export const Public = () => SetMetadata(PUBLIC, true);

/** Authenticates and counts once per request or operation, keeps the RequestContext for `@Ctx()`, and checks the caller's role. */
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
    carrier.triad ??= this.enter(context, carrier);
    assertMay(await carrier.triad, requirementOf(this.reflector, context));
    return true;
  }

  private async enter(context: ExecutionContext, carrier: Carrier): Promise<RequestContext> {
    const request = carrier.req ?? carrier;
    const said = (name: string) => carrier.connectionParams?.[name] ?? request.headers?.[name];
    const authorization = carrier.connectionParams?.['Authorization'] ?? said('authorization');
    const ctx = await this.auth.authenticate(authorization, request.id ?? randomUUID(), said('x-triad-project'));
    const admitted = this.admission.admit(ctx, context);
    if (admitted) await admitted;
    return ctx;
  }
}
