import { Injectable } from '@nestjs/common';
import type { CancelSignal } from '../common/cancellation.js';
import { errorOf, isStreamed } from '../deployments/runtime/upstream.js';
import type { GatewayCall } from './gateway-call.js';
import { canonical } from './routing/canonical.js';
import { Coalescer } from './routing/coalescer.js';
import { Failover } from './routing/failover.js';
import type { Answer, Driver } from './routing/failover-run.js';
import { FailoverError } from './routing/failover-run.js';
import type { Route } from './routing/route.js';
import { ANSWERED, verdictOf } from './routing/verdict.js';
import { type TargetAnswer, TargetCaller } from './target-caller.js';

/** Who answered, and whether for other calls as well. */
export type FoundAnswer = Answer<TargetAnswer> & { shared: boolean };

/** Has the targets of a route asked, as its policy says. */
@Injectable()
export class AnswerFinder {
  constructor(
    private readonly failover: Failover,
    private readonly coalescer: Coalescer,
    private readonly caller: TargetCaller,
  ) {}

  /**
   * @param arm index of `route.policy.arms`
   * @throws what the last target failed with; the reason of `call.gone`.
   */
  async find(call: GatewayCall, route: Route, arm: number): Promise<FoundAnswer> {
    const { policy } = route;
    if (!policy.coalesce || call.request['stream'] === true) return this.ask(call, route, arm, call.gone);
    const key = JSON.stringify([call.ctx.projectId, call.operation, route.orders[arm]![0]!.key, call.headers.passedOn, canonical(call.request)]);
    const { answer, shared } = await this.coalescer.run(key, call.gone, (signal) => this.ask(call, route, arm, signal));
    return { ...answer, shared };
  }

  private async ask(call: GatewayCall, route: Route, arm: number, signal: CancelSignal): Promise<FoundAnswer> {
    try {
      return Object.assign(await this.failover.run(route, arm, signal, this.driver(call, route)), { shared: false });
    } catch (error) {
      if (error instanceof FailoverError) call.attempts = error.attempts;
      throw error;
    }
  }

  private driver(call: GatewayCall, { policy }: Route): Driver<TargetAnswer> {
    return {
      attempt: (candidate, signal) => {
        call.candidate = candidate;
        call.attempts += 1;
        return this.caller.ask(call, candidate.target!, policy.timeouts.idleMs, signal);
      },
      judge: ({ answer }) => (answer.status === 200 ? ANSWERED
        : verdictOf({ status: answer.status, headers: answer.headers, error: isStreamed(answer) ? null : errorOf(answer.text) }, policy.retries.alsoOn)),
      discard: ({ answer }) => {
        if (isStreamed(answer)) answer.stream.abort();
      },
    };
  }
}
