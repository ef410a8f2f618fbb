import { DomainError } from '../../common/errors.js';
import type { RequestContext } from '../../common/request-context.js';
import type { DeploymentEntity, RoutingPolicy } from '../../deployments/deployment.entity.js';
import { routingOf, routingTo } from '../../deployments/routing-policy.js';
import type { Target, TargetService } from '../../deployments/target.service.js';

/** A target that may be asked. */
export interface Candidate {
  /** As it is called: `<provider>/<model>` or `models:/name@alias`. */
  name: string;
  /** Label of metrics: the provider's name, or `registry`. */
  provider: string;
  /** Names the target within all routes of all projects: what is known of its health goes by it. */
  key: string;
  /** Null when it cannot be found any more. */
  target: Target | null;
  /** Why not. */
  problem: DomainError | null;
}

/** Where the calls of a model name go. Made once, and remembered. */
export interface Route {
  /** The deployment's id, or what was named; salts stickiness and names the retry budget. */
  id: string;
  deployment: DeploymentEntity | null;
  policy: RoutingPolicy;
  /** By arm: its target, and then the fallbacks. */
  orders: Candidate[][];
}

/** Of a target that is named without a deployment: it is asked once, as its caller says. */
const directly = (name: string): RoutingPolicy => {
  const policy = routingTo(name);
  return { ...policy, retries: { ...policy.retries, max: 0 }, breaker: null };
};

/**
 * Finds the route of a model name. With `instead` its calls go there first, and by its policy otherwise. A target of a deployment that is gone does not stop calls that another can answer.
 * @throws DomainError model_not_found when nothing of it is there.
 */
export async function findRoute(ctx: RequestContext, targets: TargetService, name: string, instead: string | null = null): Promise<Route> {
  const deployment = await targets.deployment(ctx, name);
  const own = deployment ? routingOf(deployment) : directly(name);
  const policy = instead === null ? own : { ...own, arms: [{ target: instead, weight: 1 }] };
  const id = deployment?.id ?? `${ctx.projectId} ${name}`;
  const names = [...new Set([...policy.arms.map(({ target }) => target), ...policy.fallbacks])];
  const found = new Map<string, Candidate>();
  for (const each of names) found.set(each, await candidateOf(ctx, targets, each, id));
  const problems = [...found.values()].flatMap(({ problem }) => problem ?? []);
  if (problems.length === names.length) throw problems[0]!;
  return {
    id, deployment, policy,
    orders: policy.arms.map(({ target }) => [target, ...policy.fallbacks.filter((fallback) => fallback !== target)].map((each) => found.get(each)!)),
  };
}

async function candidateOf(ctx: RequestContext, targets: TargetService, name: string, routeId: string): Promise<Candidate> {
  const key = `${routeId} ${name}`;
  try {
    const target = await targets.direct(ctx, name);
    return { name, key, target, provider: target.kind === 'provider' ? target.provider.name : 'registry', problem: null };
  } catch (error) {
    if (!(error instanceof DomainError) || error.code === 'unavailable') throw error;
    return { name, key, target: null, provider: 'none', problem: error };
  }
}
