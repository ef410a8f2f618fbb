import { Injectable } from '@nestjs/common';
import { stickyKeyOf } from '../deployments/routing-policy.js';
import { type Assignment, ExperimentService } from '../experiments/experiment.service.js';
import type { Target } from '../deployments/target.service.js';
import { AnswerFinder } from './answer-finder.js';
import { AnswerPasser, type Found, type GatewayAnswer } from './answer-passer.js';
import { CallAccount } from './call-account.js';
import { Dialogue } from './dialogue.js';
import type { GatewayCall } from './gateway-call.js';
import { PromptFiller } from './prompt-filler.js';
import { checkRequest } from './request-checks.js';
import { RouteService } from './route.service.js';
import { AnswerCache } from './routing/answer-cache.js';
import { cacheControl } from './routing/canonical.js';
import { pickArm } from './routing/pick-arm.js';
import type { Route } from './routing/route.js';

/** The OpenAI-compatible edge: finds what a model name stands for, has it asked, and passes its answer on. */
@Injectable()
export class GatewayService {
  constructor(
    private readonly routes: RouteService,
    private readonly filler: PromptFiller,
    private readonly experiments: ExperimentService,
    private readonly cache: AnswerCache,
    private readonly finder: AnswerFinder,
    private readonly passer: AnswerPasser,
    private readonly account: CallAccount,
  ) {}

  /**
   * Answers a call; it is accounted for when its answer has ended, however it does.
   * @throws DomainError bad_input, model_not_found, not_found or undefined_variable for a prompt; upstream_failed or
   *   unavailable when what answers cannot be reached; the reason of `call.gone` when the client left.
   */
  async answer(call: GatewayCall): Promise<GatewayAnswer> {
    try {
      const preparing = this.account.ready(call);
      if (preparing) await preparing;
      const { model, prompt } = checkRequest(call.operation, call.body);
      call.request = call.body;
      let named = prompt && this.filler.fill(call, prompt);
      if (named instanceof Promise) named = await named;
      const route = await this.routeOf(call, model ?? named ?? '');
      const arm = pickArm(route.policy, route.id, stickyKeyOf(route.policy, call.stickyKey, call.ctx.principal));
      return route.policy.cache ? await this.throughCache(call, route, arm) : await this.fetch(call, route, arm, null, {});
    } catch (error) {
      this.account.fail(call, error);
      throw error;
    }
  }

  private routeOf(call: GatewayCall, model: string): Route | Promise<Route> {
    const route = this.routes.of(call.ctx, model);
    return route instanceof Promise ? route.then((found) => this.assigned(call, model, found)) : this.assigned(call, model, route);
  }

  /** An experiment on a deployment, or on a model's alias, may send the call to a model of its own. */
  private assigned(call: GatewayCall, model: string, route: Route): Route | Promise<Route> {
    call.deploymentId = route.deployment?.id ?? null;
    if (call.experiment) return route; // a call is of one experiment: its prompt's
    const assigned = this.experiments.assign(call.ctx, { kind: 'deployment', name: model }, call.stickyKey);
    const by = (assignment: Assignment | null) => {
      if (assignment?.model == null) return route;
      call.experiment = assignment;
      return this.routes.of(call.ctx, model, assignment.model);
    };
    return assigned instanceof Promise ? assigned.then(by) : by(assigned);
  }

  /** Streams in Anthropic's shape are neither kept nor replayed. */
  private async throughCache(call: GatewayCall, route: Route, arm: number): Promise<GatewayAnswer> {
    const policy = route.policy.cache!;
    const candidate = route.orders[arm]![0]!;
    const { target } = candidate;
    const isMessageStream = call.operation === 'message' && call.request['stream'] === true;
    const key = !target || isMessageStream ? null : this.cache.keyOf(call.ctx.projectId, call.operation, identityOf(target, call), call.request, policy);
    const { read, write } = cacheControl(call.headers.cacheControl);
    const kept = key && read ? await this.cache.get(key) : null;
    if (kept && target) {
      call.candidate = candidate;
      return this.passer.replay(call, kept, new Dialogue(call.operation, target.kind === 'provider' ? target.provider.kind : 'openai'), { 'x-triad-cache': 'hit' });
    }
    return this.fetch(call, route, arm, key && write ? { key, policy } : null, { 'x-triad-cache': 'miss' });
  }

  private async fetch(call: GatewayCall, route: Route, arm: number, keep: Found['keep'], headers: Record<string, string>): Promise<GatewayAnswer> {
    const { answer, candidate, deadline, shared } = await this.finder.find(call, route, arm);
    call.candidate = candidate;
    return this.passer.pass(call, answer, { route, candidate, deadline, keep: shared || candidate !== route.orders[arm]![0] ? null : keep, shared, headers });
  }
}

/** A model that answers, whatever name or alias it is called by; of a call in its own protocol also what it is told by headers. */
const identityOf = (target: Target, { headers: { passedOn } }: GatewayCall): string =>
  (target.kind === 'registry' ? target.version.id : JSON.stringify([target.provider.id, target.model, passedOn]));
