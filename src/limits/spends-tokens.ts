import { createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import { carrierOf } from '../auth/carrier.js';

export const SPENDS_TOKENS = Symbol('SPENDS_TOKENS');

/** About how many tokens a request with this body will use. */
export type EstimateTokens = (body: unknown) => number;

/** Marks a route whose requests take from token limits and budgets: the estimate is reserved before it runs. */
export const SpendsTokens = (estimate: EstimateTokens) => SetMetadata(SPENDS_TOKENS, estimate);

/** Injects the Reservation of a route that spends tokens; undefined when nothing limits the caller. */
export const Reserved = createParamDecorator((_: unknown, context: ExecutionContext) => carrierOf(context).reservation);
