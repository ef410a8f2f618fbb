import { DomainError } from '../common/errors.js';
import type { BreakerPolicy, CachePolicy, DeploymentEntity, RetryPolicy, RoutingPolicy, TimeoutPolicy } from './deployment.entity.js';

const DEFAULT_RETRIES: RetryPolicy = { max: 2, backoffBaseMs: 250, backoffCapMs: 4_000, retryAfterCapMs: 5_000, budgetRatio: 0.2, budgetPerSecond: 1, alsoOn: [] };
/** As long as OpenAI's clients wait for a beginning; long enough for a long stream to end. */
const DEFAULT_TIMEOUTS: TimeoutPolicy = { firstByteMs: 600_000, totalMs: 1_800_000, idleMs: null };
const DEFAULT_BREAKER: BreakerPolicy = { failureRatio: 0.5, minCalls: 10, windowSeconds: 30, openSeconds: 15 };
const DEFAULT_CACHE: CachePolicy = { ttlSeconds: 300, onlyDeterministic: false };

/** What a caller may say of a policy; what is left out stays as it is. */
export interface RoutingChange {
  arms?: RoutingPolicy['arms'] | null;
  fallbacks?: string[] | null;
  retries?: Given<RetryPolicy> | null;
  timeouts?: Given<TimeoutPolicy> | null;
  breaker?: Given<BreakerPolicy> | null;
  cache?: Given<CachePolicy> | null;
  coalesce?: boolean | null;
  stickyBy?: RoutingPolicy['stickyBy'] | null;
}
type Given<T> = { [K in keyof T]?: T[K] | null };

/** One arm, and what is not said by default. */
export const routingTo = (target: string): RoutingPolicy => ({
  arms: [{ target, weight: 1 }], fallbacks: [], retries: DEFAULT_RETRIES, timeouts: DEFAULT_TIMEOUTS, breaker: DEFAULT_BREAKER, cache: null, coalesce: false, stickyBy: 'caller',
});

/** The policy of a deployment, whole, also of one that was made before there were policies. */
export function routingOf({ target, routing }: Pick<DeploymentEntity, 'target' | 'routing'>): RoutingPolicy {
  return routing ?? routingTo(target);
}

/** `before` with what `change` says. Null takes breaker and cache away; elsewhere it is as left out, but for `timeouts.idleMs`. */
export function routingWith(before: RoutingPolicy, change: RoutingChange): RoutingPolicy {
  return {
    arms: change.arms?.map(({ target, weight }) => ({ target, weight })) ?? before.arms,
    fallbacks: change.fallbacks ?? before.fallbacks,
    retries: over(before.retries, change.retries),
    timeouts: { ...over(before.timeouts, change.timeouts), idleMs: change.timeouts?.idleMs === undefined ? before.timeouts.idleMs : change.timeouts.idleMs },
    breaker: change.breaker === null ? null : change.breaker === undefined ? before.breaker : over(before.breaker ?? DEFAULT_BREAKER, change.breaker),
    cache: change.cache === null ? null : change.cache === undefined ? before.cache : over(before.cache ?? DEFAULT_CACHE, change.cache),
    coalesce: change.coalesce ?? before.coalesce,
    stickyBy: change.stickyBy ?? before.stickyBy,
  };
}

function over<T extends object>(before: T, change: Given<T> | null | undefined): T {
  return Object.fromEntries(Object.entries(before).map(([name, value]) => [name, (change as Record<string, unknown> | null | undefined)?.[name] ?? value])) as T;
}

/** @throws DomainError bad_input for what no single field can tell to be wrong. */
export function checkRouting({ arms, fallbacks, retries, timeouts }: RoutingPolicy): void {
  const wrong = (message: string, param: string) => new DomainError('bad_input', message, param);
  const targets = arms.map(({ target }) => target);
  const twice = targets.find((target, index) => targets.indexOf(target) !== index) ?? fallbacks.find((target, index) => fallbacks.indexOf(target) !== index);
  if (twice !== undefined) throw wrong(`The target ${JSON.stringify(twice)} is listed twice; list it once, with the sum of the weights.`, 'routing.arms');
  if (!arms.some(({ weight }) => weight > 0)) throw wrong('No arm has a weight above 0, so no call could go anywhere.', 'routing.arms');
  if (retries.backoffBaseMs > retries.backoffCapMs) throw wrong(`retries.backoffBaseMs (${retries.backoffBaseMs}) is more than retries.backoffCapMs (${retries.backoffCapMs}).`, 'routing.retries');
  if (timeouts.firstByteMs > timeouts.totalMs) throw wrong(`timeouts.firstByteMs (${timeouts.firstByteMs}) is more than timeouts.totalMs (${timeouts.totalMs}), which bounds the whole call.`, 'routing.timeouts');
}

/**
 * Whom the arm sticks to; null: drawn anew for each call.
 * @param given the caller's own key: the header `x-triad-sticky-key`, else OpenAI's `user`
 */
export function stickyKeyOf({ stickyBy }: RoutingPolicy, given: string | null, principal: string): string | null {
  return stickyBy === 'caller' ? given : stickyBy === 'api_key' ? principal : null;
}
