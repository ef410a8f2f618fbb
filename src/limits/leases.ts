import { LRUCache } from 'lru-cache';
import type { Bucket, BucketState, Taken } from './buckets.js';

/** A rate's minute in so many parts: a process takes a tenth of a second's worth ahead. */
const RATE_PARTS = 600;
/** Below, each request is counted by itself. */
const LEAST_RATE = 6_000;
/** A budget in so many parts. */
const BUDGET_PARTS = 2_000;
/** In millionths. */
const LEAST_BUDGET = 100_000_000;

interface Lease {
  /** What it was taken from; of a limit that has changed since nothing is left. */
  bucket: Bucket;
  left: number;
  /** How the bucket was then. */
  state: BucketState;
  at: number;
}

/**
 * What this process has taken from buckets ahead of need, so that most requests need not ask Redis. What is held here was
 * taken there, so that in the long run no limit is passed; held for long it may come on top of a full bucket, by a
 * three-hundredth of a minute's rate for each process at most. What a process that is killed held is lost.
 */
export class Leases {
  private readonly held = new LRUCache<string, Lease>({ max: 50_000 });

  /** Buckets of which more is being taken: those who come meanwhile take what they need. */
  private readonly asked = new Set<string>();

  /** How much more than its cost to take from each bucket now: see takeAhead. */
  ahead(buckets: readonly Bucket[]): number[] {
    return buckets.map((bucket) => (bucket.cost > 0 && !this.asked.has(bucket.key) && !this.covers(bucket) ? partOf(bucket) : 0));
  }

  /** Takes from all buckets what is held of them; null when it does not suffice for one. */
  take(buckets: readonly Bucket[]): Taken | null {
    for (const bucket of buckets) if (!this.covers(bucket)) return null;
    const now = performance.now();
    return { refused: null, states: buckets.map((bucket) => this.spend(bucket, now)) };
  }

  /** Whether a bucket's cost can be taken from what is held. A cost of 0 only looks, and looks at the bucket. */
  covers({ key, cost, limit }: Bucket): boolean {
    const lease = cost > 0 ? this.held.get(key) : undefined;
    return lease !== undefined && lease.bucket.limit === limit && lease.left >= cost;
  }

  /**
   * Corrects what was taken, as far as that can be done with what is held.
   * @returns the corrections that are left
   */
  correct(buckets: readonly Bucket[]): Bucket[] {
    return buckets.filter((bucket) => {
      const lease = this.held.get(bucket.key);
      if (!lease || lease.bucket.limit !== bucket.limit || lease.left < bucket.cost || lease.left - bucket.cost > 2 * partOf(bucket)) return true;
      lease.left -= bucket.cost;
      return false;
    });
  }

  /** Takes `more` than their costs from buckets by `take`, and holds it. @returns null when that was refused. */
  async takeAhead(buckets: readonly Bucket[], more: readonly number[], take: (buckets: Bucket[]) => Promise<Taken>): Promise<Taken | null> {
    const keys = buckets.filter((_, index) => more[index]! > 0).map(({ key }) => key);
    keys.forEach((key) => this.asked.add(key));
    try {
      const taken = await take(buckets.map((bucket, index) => ({ ...bucket, cost: bucket.cost + more[index]! })));
      if (taken.refused !== null) return null;
      buckets.forEach((bucket, index) => {
        if (more[index]! > 0) this.hold(bucket, more[index]!, taken.states[index]!);
      });
      return this.withHeld(buckets, taken);
    } finally {
      keys.forEach((key) => this.asked.delete(key));
    }
  }

  /** What Redis says of buckets, and what is held of them here. */
  withHeld(buckets: readonly Bucket[], { refused, states }: Taken): Taken {
    const held = ({ key, limit }: Bucket) => {
      const lease = this.held.peek(key);
      return lease?.bucket.limit === limit ? Math.floor(lease.left) : 0;
    };
    return { refused, states: states.map((state, index) => ({ ...state, remaining: state.remaining + held(buckets[index]!) })) };
  }

  /** Everything that is held, as corrections that give it back; nothing is held afterwards. */
  giveUp(): Bucket[] {
    const back = [...this.held.values()].filter(({ left }) => left > 0).map(({ bucket, left }) => ({ ...bucket, cost: -left }));
    this.held.clear();
    return back;
  }

  private hold(bucket: Bucket, more: number, state: BucketState): void {
    const before = this.held.get(bucket.key);
    this.held.set(bucket.key, { bucket, left: more + (before?.bucket.limit === bucket.limit ? before.left : 0), state, at: performance.now() });
  }

  private spend({ key, cost }: Bucket, now: number): BucketState {
    const lease = this.held.get(key)!;
    lease.left -= cost;
    const { remaining, resetMs } = lease.state;
    return { remaining: remaining + Math.floor(lease.left), resetMs: Math.max(0, resetMs - (now - lease.at)), retryMs: 0 };
  }
}

function partOf({ counts, limit }: Bucket): number {
  if (counts === 'budget') return limit >= LEAST_BUDGET ? Math.floor(limit / BUDGET_PARTS) : 0;
  return limit >= LEAST_RATE ? Math.floor(limit / RATE_PARTS) : 0;
}
