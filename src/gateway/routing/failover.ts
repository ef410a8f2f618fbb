import { Injectable } from '@nestjs/common';
import type { CancelSignal } from '../../common/cancellation.js';
import { type Answer, type Driver, FailoverRun } from './failover-run.js';
import type { Candidate, Route } from './route.js';
import { TargetHealth } from './target-health.js';

/**
 * Asks the targets of a route until one answers: each within its time, repeated within the budget, the next where one
 * fails or is left alone. What is known of targets' health is this process's own.
 */
@Injectable()
export class Failover {
  constructor(private readonly health: TargetHealth) {}

  /**
   * @param arm whose target is asked first: an index of `route.policy.arms`
   * @param signal fires when the caller has left: everything ends at once, and no target is blamed
   * @returns the answer of the first target that gave one; of a target that failed when it was the only attempt there was
   * @throws FailoverError telling what was tried; what an only attempt threw; the signal's reason.
   */
  run<T>(route: Route, arm: number, signal: CancelSignal, driver: Driver<T>): Promise<Answer<T>> {
    return new FailoverRun(this.health, route, signal, driver).over(route.orders[arm]!);
  }

  /** An answer that had begun broke off or fell silent: its target failed after all. */
  brokeOff(route: Route, candidate: Candidate): void {
    this.health.settle(candidate, route.policy.breaker, 'ordinary', 'broke_off', performance.now());
  }
}
