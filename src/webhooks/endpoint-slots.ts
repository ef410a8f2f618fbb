import { QUEUE_CONCURRENCY } from '../queue/jobs.js';

/** Jobs left to fan-outs, and to deliveries that find no slot and go. */
const RESERVED = 32;
const FAILING = 64;

/** Attempts of one worker: in all, and at most to one endpoint. Endpoints that fail share a pool of their own. */
const POOLS = {
  healthy: { slots: QUEUE_CONCURRENCY.webhook - RESERVED - FAILING, toOne: 16 },
  failing: { slots: FAILING, toOne: 1 },
};
/** The less of a pool is free, the less of it goes to one endpoint, so that the last slots reach many. */
const SHARE_OF_FREE = 1 / 8;

type Pool = keyof typeof POOLS;

/** An endpoint that something is to be sent to. */
export interface Destination {
  projectId: string;
  endpointId: string;
  /** Whether its latest attempts all failed. */
  failing: boolean;
}

/** Room for one attempt; to be released. */
export interface Slot {
  readonly to: Destination;
  readonly pool: Pool;
}

/**
 * Keeps slow and hanging endpoints from filling a worker, so that they delay no other. A destination that finds no slot
 * waits, in order of arrival; whoever releases a slot asks who is next.
 */
export class EndpointSlots {
  private readonly taken = new Map<string, number>();
  private readonly used: Record<Pool, number> = { healthy: 0, failing: 0 };
  private readonly waiting = new Map<string, Destination>();

  /** @returns a slot, or null: the destination waits then. */
  take(to: Destination): Slot | null {
    const slot = this.give(to);
    if (!slot) this.wait(to);
    return slot;
  }

  /** Notes that there may be more to send. */
  wait(to: Destination): void {
    this.waiting.set(to.endpointId, to);
  }

  /** @returns a slot for the first destination that waits and may have one; it waits no longer. */
  next(): Slot | null {
    for (const to of this.waiting.values()) {
      const slot = this.give(to);
      if (!slot) continue;
      this.waiting.delete(to.endpointId);
      return slot;
    }
    return null;
  }

  release({ to, pool }: Slot): void {
    this.used[pool] -= 1;
    const left = this.taken.get(to.endpointId)! - 1;
    if (left === 0) this.taken.delete(to.endpointId);
    else this.taken.set(to.endpointId, left);
  }

  private give(to: Destination): Slot | null {
    const pool = to.failing ? 'failing' : 'healthy';
    const { slots, toOne } = POOLS[pool];
    const taken = this.taken.get(to.endpointId) ?? 0;
    if (taken >= Math.min(toOne, Math.ceil((slots - this.used[pool]) * SHARE_OF_FREE))) return null;
    this.taken.set(to.endpointId, taken + 1);
    this.used[pool] += 1;
    return { to, pool };
  }
}
