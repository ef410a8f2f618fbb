import { Injectable } from '@nestjs/common';
import { batched, byId } from '../common/batched.js';
import { DomainError } from '../common/errors.js';
import { newId } from '../common/ids.js';
import type { Page } from '../common/pagination.js';
import { checkName } from '../common/references.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { Notifications } from '../database/notifications.js';
import { announce } from '../database/remembered.js';
import { LineageService } from '../models/lineage.service.js';
import type { DeploymentEntity } from './deployment.entity.js';
import { type DeploymentListArgs, DeploymentRepository } from './deployment.repository.js';
import { TargetService } from './target.service.js';

@Injectable()
export class DeploymentService {
  /** By id; undefined for one that is not there. */
  readonly load = batched(async (ctx, ids: readonly string[]) => byId(await this.deployments.findByIds(ctx, ids)));

  constructor(
    private readonly database: Database,
    private readonly deployments: DeploymentRepository,
    private readonly targets: TargetService,
    private readonly lineage: LineageService,
    private readonly notifications: Notifications,
  ) {}

  /** The gateway remembers what model names stand for; it is told in the transaction that changes a provider or deployment. */
  private changed(tx: RequestContext): Promise<void> {
    return announce(this.database, this.notifications, tx, `deployments:${tx.projectId}`);
  }

  /**
   * Gives apps a name to call. The same deployment asked for again is that one.
   * @param input.target `models:/name@alias`, `models:/name/3` or `<provider>/<model>`
   * @throws DomainError model_not_found when the target is not there, conflict when the name is taken.
   */
  createDeployment(ctx: RequestContext, input: { name: string; target: string }): Promise<DeploymentEntity> {
    checkName(input.name);
    return this.database.transaction(ctx, async (tx) => {
      const target = await this.targets.direct(tx, input.target);
      if (target.kind === 'registry' && target.version.kind === 'reward') {
        throw new DomainError('bad_input', `${input.target} is a reward model and does not chat.`, 'target');
      }
      if (target.kind === 'provider' && !await this.deployments.holdProvider(tx, target.provider.id)) {
        throw new DomainError('model_not_found', `The provider of ${input.target} was deleted just now.`, 'target');
      }
      const deployment = await this.deployments.add(tx, { id: newId('dep'), name: input.name, target: input.target });
      if (!deployment) return this.same(tx, input);
      await this.changed(tx);
      if (target.kind === 'registry') {
        await this.lineage.link(tx, [{ from: { type: 'model_version', id: target.version.id }, to: { type: 'deployment', id: deployment.id }, relation: 'deployed_as' }]);
      }
      return deployment;
    });
  }

  private async same(ctx: RequestContext, input: { name: string; target: string }): Promise<DeploymentEntity> {
    const existing = await this.deployments.findByName(ctx, input.name);
    return existing?.target === input.target ? existing : nameTaken(input.name);
  }

  list(ctx: RequestContext, args: DeploymentListArgs): Promise<Page<DeploymentEntity>> {
    return this.deployments.list(ctx, args);
  }
}

function nameTaken(name: string): never {
  throw new DomainError('conflict', `There is a deployment ${JSON.stringify(name)} already; choose another name.`, 'name');
}
