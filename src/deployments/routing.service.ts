import { Injectable } from '@nestjs/common';
import { isDeepStrictEqual } from 'node:util';
import { DomainError, notFound } from '../common/errors.js';
import { newId } from '../common/ids.js';
import { checkName } from '../common/references.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { Notifications } from '../database/notifications.js';
import { announce } from '../database/remembered.js';
import { LineageService } from '../models/lineage.service.js';
import { EventService } from '../webhooks/event.service.js';
import type { DeploymentEntity, RoutingArm, RoutingPolicy } from './deployment.entity.js';
import { DeploymentRepository } from './deployment.repository.js';
import { checkRouting, type RoutingChange, routingOf, routingTo, routingWith } from './routing-policy.js';
import { type Target, TargetService } from './target.service.js';

/** Makes and changes deployments. Each change is told to the gateways, which remember routes, and to webhooks (`deployment.changed`). */
@Injectable()
export class RoutingService {
  constructor(
    private readonly database: Database,
    private readonly deployments: DeploymentRepository,
    private readonly targets: TargetService,
    private readonly lineage: LineageService,
    private readonly events: EventService,
    private readonly notifications: Notifications,
  ) {}

  /**
   * Gives apps a name to call. The same deployment asked for again is that one.
   * @param input.target the only arm, where `routing` names none
   * @throws DomainError bad_input; model_not_found when a target is not there; conflict when the name is taken.
   */
  createDeployment(ctx: RequestContext, input: { name: string; target?: string | null; routing?: RoutingChange | null }): Promise<DeploymentEntity> {
    checkName(input.name);
    const { target, routing } = firstRouting(input);
    checkRouting(routing);
    return this.database.transaction(ctx, async (tx) => {
      const versions = await this.versionsOf(tx, routing);
      const deployment = await this.deployments.add(tx, { id: newId('dep'), name: input.name, target, routing });
      if (!deployment) return this.same(tx, input.name, routing);
      await this.tell(tx, deployment, versions, 'created');
      return deployment;
    });
  }

  /**
   * Changes what is given of a deployment's routing; calls from now on go by it.
   * @param expectedRevision the revision that the caller saw
   * @throws DomainError not_found, bad_input, model_not_found; conflict when another changed it meanwhile.
   */
  updateDeployment(ctx: RequestContext, name: string, change: RoutingChange, expectedRevision: number | null = null): Promise<DeploymentEntity> {
    return this.change(ctx, name, expectedRevision, (before) => routingWith(before, change));
  }

  /**
   * Gives arms other weights, such as to grow a canary: of the callers that stick to an arm only those move that the new
   * shares ask for.
   * @throws DomainError not_found; bad_input for what is no arm of it; conflict.
   */
  setWeights(ctx: RequestContext, name: string, weights: RoutingArm[], expectedRevision: number | null = null): Promise<DeploymentEntity> {
    return this.change(ctx, name, expectedRevision, (before) => {
      const stray = weights.find(({ target }) => !before.arms.some((arm) => arm.target === target));
      if (stray) throw new DomainError('bad_input', `${JSON.stringify(stray.target)} is no arm of ${name}; it has ${before.arms.map(({ target }) => target).join(', ')}. Add it with updateDeployment.`, 'weights');
      return { ...before, arms: before.arms.map((arm) => ({ ...arm, weight: weights.find(({ target }) => target === arm.target)?.weight ?? arm.weight })) };
    });
  }

  /** Its name answers model_not_found from now on. @throws DomainError not_found; conflict when another changed it meanwhile. */
  deleteDeployment(ctx: RequestContext, name: string, expectedRevision: number | null = null): Promise<string> {
    return this.database.transaction(ctx, async (tx) => {
      const deployment = await this.lock(tx, name, expectedRevision);
      await this.deployments.remove(tx, deployment.id);
      await this.tell(tx, deployment, [], 'deleted');
      return deployment.id;
    });
  }

  private change(ctx: RequestContext, name: string, expectedRevision: number | null, work: (before: RoutingPolicy) => RoutingPolicy): Promise<DeploymentEntity> {
    return this.database.transaction(ctx, async (tx) => {
      const deployment = await this.lock(tx, name, expectedRevision);
      const before = routingOf(deployment);
      const routing = work(before);
      checkRouting(routing);
      if (isDeepStrictEqual(routing, before)) return deployment;
      const versions = await this.versionsOf(tx, routing);
      const after = await this.deployments.setRouting(tx, deployment.id, routing);
      await this.tell(tx, after, versions, 'updated');
      return after;
    });
  }

  private async lock(tx: RequestContext, name: string, expectedRevision: number | null): Promise<DeploymentEntity> {
    const deployment = await this.deployments.lock(tx, name);
    if (!deployment) throw notFound('deployment', name, 'The query `deployments` lists those there are.');
    if (expectedRevision !== null && deployment.revision !== expectedRevision) {
      throw new DomainError('conflict', `The deployment ${name} is at revision ${deployment.revision} now, not ${expectedRevision}: another changed it. Look at it again, then change it.`, 'expectedRevision');
    }
    return deployment;
  }

  private async same(tx: RequestContext, name: string, routing: RoutingPolicy): Promise<DeploymentEntity> {
    const existing = await this.deployments.findByName(tx, name);
    if (existing && isDeepStrictEqual(routingOf(existing), routing)) return existing;
    throw new DomainError('conflict', `There is a deployment ${JSON.stringify(name)} already, which routes otherwise; choose another name, or change it with updateDeployment.`, 'name');
  }

  /** @param param of the caller's input, for messages. @throws DomainError model_not_found; bad_input for what does not chat. */
  async checkTarget(ctx: RequestContext, name: string, param: string): Promise<Target> {
    const target = await this.targets.direct(ctx, name);
    if (target.kind === 'registry' && target.version.kind === 'reward') throw new DomainError('bad_input', `${name} is a reward model and does not chat.`, param);
    return target;
  }

  /** Ids of the registered versions among all targets. @throws DomainError model_not_found; bad_input for what does not chat. */
  private async versionsOf(tx: RequestContext, { arms, fallbacks }: RoutingPolicy): Promise<string[]> {
    const ids = new Set<string>();
    for (const name of new Set([...arms.map(({ target }) => target), ...fallbacks])) {
      const target = await this.checkTarget(tx, name, 'target');
      if (target.kind === 'provider') {
        if (!await this.deployments.holdProvider(tx, target.provider.id)) throw new DomainError('model_not_found', `The provider of ${name} was deleted just now.`, 'target');
        continue;
      }
      ids.add(target.version.id);
    }
    return [...ids];
  }

  private async tell(tx: RequestContext, deployment: DeploymentEntity, versionIds: string[], change: 'created' | 'updated' | 'deleted'): Promise<void> {
    const { id, name, revision } = deployment;
    const { arms, fallbacks } = routingOf(deployment);
    await announce(this.database, this.notifications, tx, `deployments:${tx.projectId}`);
    await this.lineage.link(tx, versionIds.map((version) => ({ from: { type: 'model_version', id: version }, to: { type: 'deployment', id }, relation: 'deployed_as' })));
    await this.events.emit(tx, 'deployment.changed', { id, name, change, revision, arms, fallbacks });
  }
}

function firstRouting({ target, routing }: { target?: string | null; routing?: RoutingChange | null }): { target: string; routing: RoutingPolicy } {
  const first = routing?.arms?.[0]?.target ?? target;
  if (!first) throw new DomainError('bad_input', 'Give `target`, or `routing` with at least one arm.', 'target');
  if (target && target !== first) throw new DomainError('bad_input', `\`target\` is ${JSON.stringify(target)} and the first arm is ${JSON.stringify(first)}; leave \`target\` out where there are arms.`, 'target');
  return { target: first, routing: routingWith(routingTo(first), routing ?? {}) };
}
