import type { BreakerPolicy } from '../../deployments/deployment.entity.js';

/** The window moves on by a part of itself. */
const SLOTS = 10;

/** Leave to try a target: in the ordinary way, or as the one call that finds out whether it is well again. */
export type Pass = 'ordinary' | 'probe';

/** How an attempt counts; one that its caller gave up counts for nothing. `broke_off`: one that was `ok` before failed after all. */
export type Outcome = 'ok' | 'failed' | 'given_up' | 'broke_off';

/**
 * Watches one target and has it left alone after too many failures. After a while one call may probe it: when that
 * succeeds all may, when it fails all wait once more. Times are of a clock that is never set back, milliseconds.
 */
export class Breaker {
  private readonly calls = new Int32Array(SLOTS);
  private readonly failures = new Int32Array(SLOTS);
  private slot = 0;
  private openedAt: number | null = null;
  private probedAt: number | null = null;

  get isOpen(): boolean {
    return this.openedAt !== null;
  }

  /** Null: leave it alone. Whoever gets a pass hands it back to `settle`, once. */
  admit({ openSeconds }: BreakerPolicy, now: number): Pass | null {
    if (this.openedAt === null) return 'ordinary';
    // A probe that takes as long as the rest may never end; another may try.
    if (now - Math.max(this.openedAt, this.probedAt ?? 0) < openSeconds * 1000) return null;
    this.probedAt = now;
    return 'probe';
  }

  /** @returns 'opened' or 'closed' when this changed it */
  settle(policy: BreakerPolicy, pass: Pass, outcome: Outcome, now: number): 'opened' | 'closed' | null {
    if (pass === 'probe') return this.settleProbe(outcome, now);
    if (outcome === 'given_up') return null;
    this.count(policy, outcome, now);
    if (outcome === 'ok' || this.openedAt !== null || !this.isTooMuch(policy)) return null;
    this.openedAt = now;
    this.probedAt = null;
    return 'opened';
  }

  private settleProbe(outcome: Outcome, now: number): 'closed' | null {
    this.probedAt = null;
    if (this.openedAt === null || outcome === 'given_up') return null;
    if (outcome === 'failed') {
      this.openedAt = now;
      return null;
    }
    this.openedAt = null;
    this.calls.fill(0);
    this.failures.fill(0);
    return 'closed';
  }

  private count({ windowSeconds }: BreakerPolicy, outcome: Outcome, now: number): void {
    const slot = Math.floor((now * SLOTS) / (windowSeconds * 1000));
    // Slots that passed without a call hold what is older than the window.
    for (let old = Math.max(this.slot + 1, slot - SLOTS + 1); old <= slot; old += 1) this.calls[old % SLOTS] = this.failures[old % SLOTS] = 0;
    this.slot = slot;
    if (outcome !== 'broke_off') this.calls[slot % SLOTS]! += 1;
    if (outcome !== 'ok') this.failures[slot % SLOTS]! += 1;
  }

  private isTooMuch({ failureRatio, minCalls }: BreakerPolicy): boolean {
    let [calls, failures] = [0, 0];
    for (let slot = 0; slot < SLOTS; slot += 1) {
      calls += this.calls[slot]!;
      failures += this.failures[slot]!;
    }
    return calls >= minCalls && failures >= failureRatio * calls;
  }
}
