import type { WebhookEndpointEntity } from './webhook.entity.js';

/** Attempts at a time from one worker; the second figure while every attempt of late has failed. */
const HEALTHY = { slots: 16, busyForMs: 500 };
const FAILING = { slots: 1, busyForMs: 30_000 };

/** Keeps a slow or hanging endpoint from filling a worker, so that it delays no other. */
export class EndpointSlots {
  private readonly taken = new Map<string, number>();

  /** @returns a slot to be released, or how long to wait before asking again, spread so that not all ask at once. */
  take({ id, failingSince }: Pick<WebhookEndpointEntity, 'id' | 'failingSince'>): { release(): void } | { busyForMs: number } {
    const limit = failingSince ? FAILING : HEALTHY;
    const taken = this.taken.get(id) ?? 0;
    if (taken >= limit.slots) return { busyForMs: limit.busyForMs * (1 + Math.random()) };
    this.taken.set(id, taken + 1);
    return { release: () => this.release(id) };
  }

  private release(id: string): void {
    const taken = this.taken.get(id)! - 1;
    if (taken === 0) this.taken.delete(id);
    else this.taken.set(id, taken);
  }
}
