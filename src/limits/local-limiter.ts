import { LRUCache } from 'lru-cache';
import { type Bucket, type BucketState, PERIOD_US, type Taken } from './buckets.js';

/** What a bucket would be, without and with the cost: an arrival time in microseconds, or money spent. */
interface Step {
  before: number;
  after: number;
  retryMs: number;
}

/**
 * The script of `take-script.ts` in this process's memory, for when Redis is away: every process then allows the whole
 * limit by itself, and starts with full buckets.
 */
export class LocalLimiter {
  private readonly stored = new LRUCache<string, number>({ max: 50_000 });

  /** @param now milliseconds since 1970; by default a clock that is never set back, or a bucket would stay full for as long */
  take(buckets: readonly Bucket[], force = false, now = performance.timeOrigin + performance.now()): Taken {
    const steps = buckets.map((bucket) => this.step(bucket, now));
    const worst = Math.max(0, ...steps.map(({ retryMs }) => retryMs));
    const refused = worst > 0 ? steps.findIndex(({ retryMs }) => retryMs === worst) : null;
    const take = refused === null || force;
    const states = steps.map((step, index) => {
      const value = take ? step.after : step.before;
      if (take && step.after !== step.before) this.stored.set(buckets[index]!.key, value);
      return stateOf(buckets[index]!, value, Math.ceil(step.retryMs), now);
    });
    return { refused, states };
  }

  private step({ key, counts, limit, cost: given, floor, endsAt }: Bucket, now: number): Step {
    const [stored, cost] = [finite(this.stored.get(key) ?? 0), finite(given)];
    if (counts === 'budget') {
      const before = Math.max(stored, finite(floor));
      const after = Math.max(before + cost, 0);
      return { before, after, retryMs: before >= limit || after > limit ? Math.max(endsAt - now, 1) : 0 };
    }
    const nowUs = now * 1000;
    const before = Math.max(stored, nowUs);
    const after = Math.max(before + (cost * PERIOD_US) / limit, nowUs);
    const retryMs = Math.max(after - nowUs - PERIOD_US, 0) / 1000;
    return { before, after, retryMs: retryMs < 0.001 ? 0 : retryMs };
  }
}

const finite = (value: number): number => (Number.isFinite(value) ? value : 0);

function stateOf({ counts, limit, endsAt }: Bucket, value: number, retryMs: number, now: number): BucketState {
  if (counts === 'budget') return { remaining: Math.max(0, Math.floor(limit - value)), resetMs: Math.max(endsAt - now, 1), retryMs };
  const ahead = value - now * 1000;
  return { remaining: Math.max(0, Math.floor(((PERIOD_US - ahead) * limit) / PERIOD_US + 0.000001)), resetMs: Math.ceil(ahead / 1000), retryMs };
}
