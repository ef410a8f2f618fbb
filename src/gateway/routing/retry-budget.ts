import type { RetryPolicy } from '../../deployments/deployment.entity.js';

/** Repeats that may be saved up: for a burst of failures after a quiet time. */
const SAVED = 10;

/**
 * How many repeats calls may have together, as in Finagle: each call puts in a part of one, each second some more, and a
 * repeat takes a whole one. When everything fails the load on what fails grows by that part only.
 */
export class RetryBudget {
  private calls = 0;
  private saved = Infinity;

  constructor(private at: number) {}

  /** A call has come. */
  deposit(): void {
    this.calls += 1;
  }

  /** @param now milliseconds of a clock that is never set back. @returns whether one was left */
  take({ budgetRatio, budgetPerSecond }: RetryPolicy, now: number): boolean {
    const most = SAVED * (budgetPerSecond + (budgetRatio > 0 ? 1 : 0));
    this.saved = Math.min(most, this.saved + this.calls * budgetRatio + ((now - this.at) / 1000) * budgetPerSecond);
    this.calls = 0;
    this.at = now;
    if (this.saved < 1) return false;
    this.saved -= 1;
    return true;
  }
}
