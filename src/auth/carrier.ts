import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { GqlExecutionContext, type GqlContextType } from '@nestjs/graphql';
import type { RequestContext } from '../common/request-context.js';
import type { Reservation } from '../limits/buckets.js';

/** What an edge's request is to us: an HTTP request, or the context of a GraphQL operation over HTTP or WebSocket. */
export interface Carrier {
  id?: string;
  method?: string;
  headers?: Record<string, string | undefined>;
  body?: unknown;
  req?: Carrier;
  connectionParams?: Record<string, string | undefined>;
  /** Who acts; set by the guard, once per request or operation. */
  triad?: Promise<RequestContext>;
  /** What the request holds of token limits and budgets until it is settled. */
  reservation?: Reservation;
}

export function carrierOf(context: ExecutionContext): Carrier {
  return context.getType<GqlContextType>() === 'graphql'
    ? GqlExecutionContext.create(context).getContext<Carrier>()
    : context.switchToHttp().getRequest<Carrier>();
}

/** Injects the caller's RequestContext into a resolver or controller method. */
export const Ctx = createParamDecorator((_: unknown, context: ExecutionContext) => carrierOf(context).triad);
