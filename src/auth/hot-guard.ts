import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CallerRole, RequestContext } from '../common/request-context.js';
import { AdmissionService } from '../limits/admission.service.js';
import type { Reservation } from '../limits/buckets.js';
import { AuthService } from './auth.service.js';
import { assertMay } from './requires-role.js';

/** Who was let in, and what is reserved for it. */
export interface Entered {
  ctx: RequestContext;
  reservation: Reservation | undefined;
}

/** What a hot route asks of its callers. */
export interface Entrance {
  role: CallerRole;
  /** Tokens that the request may use; absent for one that uses none. */
  estimate?: () => number;
  /** The header, where the key may come in another one. */
  authorization?: string | undefined;
}

/** The guard of routes that are served on Fastify itself: authenticates, checks the role and counts, all from memory where it can. */
@Injectable()
export class HotGuard {
  constructor(
    private readonly auth: AuthService,
    private readonly admission: AdmissionService,
  ) {}

  /** At once when nothing need be looked up. @throws DomainError unauthenticated, forbidden, rate_limited, insufficient_quota. */
  enter({ headers, id }: FastifyRequest, reply: FastifyReply, entrance: Entrance): Entered | Promise<Entered> {
    const authorization = headers.authorization ?? entrance.authorization;
    const ctx = this.auth.recall(authorization, id);
    if (ctx) return this.admit(ctx, reply, entrance);
    return this.auth.authenticate(authorization, id, headers['x-triad-project'] as string | undefined).then((known) => this.admit(known, reply, entrance));
  }

  private admit(ctx: RequestContext, reply: FastifyReply, { role, estimate }: Entrance): Entered | Promise<Entered> {
    assertMay(ctx, role);
    const reserved = this.admission.admitCall(ctx, estimate, () => reply);
    return reserved instanceof Promise ? reserved.then((reservation) => ({ ctx, reservation })) : { ctx, reservation: reserved };
  }
}
