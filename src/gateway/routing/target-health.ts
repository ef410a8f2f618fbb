import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Gauge } from 'prom-client';
import type { BreakerPolicy } from '../../deployments/deployment.entity.js';
import { type AttemptOutcome, countAttempt } from './attempt-metrics.js';
import { Breaker, type Pass } from './breaker.js';
import { RetryBudget } from './retry-budget.js';
import type { Candidate, Route } from './route.js';

/** More than the targets of all deployments in use at once. */
const REMEMBERED = 20_000;
/** What nobody has asked for so long says nothing of a target's health. */
const STALE_MS = 10 * 60_000;

interface Watched {
  breaker: Breaker;
  provider: string;
  settledAt: number;
}

const shown = new Set<TargetHealth>();

new Gauge({
  name: 'triad_gateway_breakers_open', labelNames: ['provider'] as const,
  help: 'Targets that this process leaves alone for their failures',
  collect() {
    this.reset();
    for (const health of shown) for (const [provider, open] of health.open()) this.inc({ provider }, open);
  },
});

/** What this process knows of targets' health, and the retry budgets of routes. */
@Injectable()
export class TargetHealth implements OnModuleDestroy {
  private readonly logger = new Logger('Gateway');
  private readonly watched = new LRUCache<string, Watched>({ max: REMEMBERED });
  private readonly budgets = new LRUCache<string, RetryBudget>({ max: REMEMBERED });

  constructor() {
    shown.add(this);
  }

  onModuleDestroy(): void {
    shown.delete(this);
  }

  budgetOf(route: Route, now: number): RetryBudget {
    let budget = this.budgets.get(route.id);
    if (!budget) this.budgets.set(route.id, budget = new RetryBudget(now));
    return budget;
  }

  /** Leave to ask a target, which is handed back to `settle`; null when it is to be left alone. */
  admit(candidate: Candidate, policy: BreakerPolicy | null, now: number): Pass | null {
    const watched = policy && this.watched.get(candidate.key);
    return watched ? watched.breaker.admit(policy, now) : 'ordinary';
  }

  /** How an attempt that had leave ended. */
  settle(candidate: Candidate, policy: BreakerPolicy | null, pass: Pass, outcome: AttemptOutcome, now: number): void {
    countAttempt(candidate.provider, outcome);
    if (!policy) return;
    let watched = this.watched.get(candidate.key);
    if (!watched) this.watched.set(candidate.key, watched = { breaker: new Breaker(), provider: candidate.provider, settledAt: now });
    watched.settledAt = now;
    const counts = outcome === 'answered' ? 'ok' : outcome === 'given_up' || outcome === 'broke_off' ? outcome : 'failed';
    const change = watched.breaker.settle(policy, pass, counts, now);
    if (change === 'opened') this.logger.warn(`Target ${candidate.name} failed too often and is left alone for ${policy.openSeconds} s.`);
    if (change === 'closed') this.logger.log(`Target ${candidate.name} answers again.`);
  }

  /** How many targets are left alone, by provider. */
  open(now = performance.now()): Map<string, number> {
    const open = new Map<string, number>();
    for (const { breaker, provider, settledAt } of this.watched.values()) {
      if (breaker.isOpen && now - settledAt < STALE_MS) open.set(provider, (open.get(provider) ?? 0) + 1);
    }
    return open;
  }
}
