import { type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { GqlExecutionContext, type GqlContextType } from '@nestjs/graphql';
import { LRUCache } from 'lru-cache';
import { carrierOf } from '../auth/carrier.js';
import { DomainError } from '../common/errors.js';
import type { RequestContext } from '../common/request-context.js';
import { bounded, type Bucket, MAX_MICROS, MAX_TOKENS, MICROS, type Reservation, type Taken } from './buckets.js';
import { LimiterService } from './limiter.service.js';
import { type LimitPolicy, LimitPolicies } from './limit-policies.js';
import { rateLimitHeaders, retryAfterSeconds } from './rate-limit-headers.js';
import { type EstimateTokens, SPENDS_TOKENS } from './spends-tokens.js';
import { type Usage, UsageService } from './usage.service.js';

interface Reply {
  headers(values: Record<string, string>): unknown;
}

/** Where headers of the answer go; an operation over WebSocket has none. */
function replyOf(context: ExecutionContext): Reply | undefined {
  return context.getType<GqlContextType>() === 'graphql'
    ? GqlExecutionContext.create(context).getContext<{ reply?: Reply }>().reply
    : context.switchToHttp().getResponse<Reply>();
}

/** Lets requests in, or refuses them: the one place that takes from the buckets of rates and budgets. */
@Injectable()
export class AdmissionService {
  /** Millionths per token of a project's last call: what the next one reserves of the budget. */
  private readonly lastPrice = new LRUCache<string, number>({ max: 10_000 });

  constructor(
    private readonly policies: LimitPolicies,
    private readonly limiter: LimiterService,
    private readonly usage: UsageService,
    private readonly reflector: Reflector,
  ) {}

  /**
   * Counts a request once. Nothing is awaited when the caller has no limit.
   * @throws DomainError rate_limited, insufficient_quota.
   */
  admit(ctx: RequestContext, context: ExecutionContext): Promise<void> | void {
    const estimate = this.reflector.get<EstimateTokens | undefined>(SPENDS_TOKENS, context.getHandler());
    const carrier = carrierOf(context);
    const keep = (reservation: Reservation | undefined) => { carrier.reservation = reservation; };
    const reserved = this.admitCall(ctx, estimate && (() => estimate(carrier.body)), () => replyOf(context));
    return reserved instanceof Promise ? reserved.then(keep) : keep(reserved);
  }

  /**
   * As `admit`, for an edge of its own; at once where nothing need be asked.
   * @param estimate tokens that the request may use; undefined for one that uses none
   * @param replyOf where headers of the answer go
   * @returns undefined when nothing limits the caller; else what is reserved, to be settled
   */
  admitCall(ctx: RequestContext, estimate: (() => number) | undefined, replyOf: () => Reply | undefined): Reservation | undefined | Promise<Reservation | undefined> {
    const policy = this.policies.known(ctx);
    if (policy) return this.admitUnder(policy, ctx, estimate, replyOf);
    return this.policies.of(ctx).then((loaded) => this.admitUnder(loaded, ctx, estimate, replyOf));
  }

  private admitUnder(policy: LimitPolicy, ctx: RequestContext, estimate: (() => number) | undefined, replyOf: () => Reply | undefined): Reservation | undefined | Promise<Reservation | undefined> {
    const spends = estimate && policy.spending.length > 0;
    if (policy.requests.length === 0 && !spends) return undefined;
    const tokens = spends ? bounded(estimate(), MAX_TOKENS) : 0;
    const micros = bounded(tokens * (this.lastPrice.get(ctx.projectId) ?? 0), MAX_MICROS);
    const spending = spends ? policy.spending.map((bucket) => ({ ...bucket, cost: bucket.counts === 'tokens' ? tokens : micros })) : [];
    return this.take([...policy.requests, ...spending], replyOf(), { taken: spending, tokens });
  }

  private take(buckets: Bucket[], reply: Reply | undefined, reservation: Reservation): Reservation | undefined | Promise<Reservation | undefined> {
    const taken = this.limiter.take(buckets);
    return taken instanceof Promise ? taken.then((answer) => this.taken(buckets, answer, reply, reservation)) : this.taken(buckets, taken, reply, reservation);
  }

  private taken(buckets: Bucket[], taken: Taken, reply: Reply | undefined, reservation: Reservation): Reservation | undefined {
    reply?.headers(rateLimitHeaders(buckets, taken));
    if (taken.refused === null) return reservation.taken.length > 0 ? reservation : undefined;
    reply?.headers(refusalHeaders(buckets, taken, taken.refused));
    throw refusal(buckets[taken.refused]!, taken, taken.refused);
  }

  /** Notes what a request used, and corrects what it had reserved. Nothing waits for it. */
  settle(ctx: RequestContext, reservation: Reservation | undefined, used: Usage): void {
    const tokens = bounded(used.promptTokens + used.completionTokens, MAX_TOKENS);
    const micros = bounded(used.cost * MICROS, MAX_MICROS);
    if (tokens + micros > 0) this.usage.add(ctx, used);
    if (!reservation) return;
    if (tokens > 0) this.lastPrice.set(ctx.projectId, micros / tokens);
    const corrections = reservation.taken.map((bucket) => ({ ...bucket, cost: (bucket.counts === 'tokens' ? tokens : micros) - bucket.cost }));
    const due = corrections.filter(({ cost }) => cost !== 0);
    if (due.length > 0) void this.limiter.correct(due);
  }
}

function refusalHeaders(buckets: Bucket[], { states }: Taken, refused: number): Record<string, string> {
  // A month's budget is not mended by trying again: OpenAI's clients then do not.
  if (buckets[refused]!.counts === 'budget') return { 'x-should-retry': 'false' };
  return { 'retry-after': String(retryAfterSeconds(states[refused]!)) };
}

function refusal({ of, counts, limit, cost, endsAt }: Bucket, { states }: Taken, index: number): DomainError {
  const whose = of === 'key' ? 'This API key' : 'This project';
  const raise = of === 'key' ? 'An admin raises it with setApiKeyLimits' : 'The operator raises it with setProjectLimits';
  if (counts === 'budget') {
    return new DomainError('insufficient_quota', `${whose} has spent its budget of ${limit / MICROS} for this month. ${raise}; it starts anew on ${new Date(endsAt).toISOString().slice(0, 10)}.`);
  }
  if (cost > limit) {
    return new DomainError('rate_limited', `The request asks for about ${cost} tokens, and ${whose.toLowerCase().replace('api', 'API')} may use ${limit} per minute. Lower max_tokens or shorten the messages. ${raise}.`, counts);
  }
  return new DomainError('rate_limited', `${whose} has reached its limit of ${limit} ${counts} per minute. Try again in ${retryAfterSeconds(states[index]!)} s. ${raise}.`, counts);
}
