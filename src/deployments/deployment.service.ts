import { Injectable } from '@nestjs/common';
import { batched, byId } from '../common/batched.js';
import { notFound } from '../common/errors.js';
import type { Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import type { DeploymentEntity } from './deployment.entity.js';
import { type DeploymentListArgs, DeploymentRepository } from './deployment.repository.js';

/** Looks deployments up; RoutingService makes and changes them. */
@Injectable()
export class DeploymentService {
  /** By id; undefined for one that is not there. */
  readonly load = batched(async (ctx, ids: readonly string[]) => byId(await this.deployments.findByIds(ctx, ids)));

  constructor(private readonly deployments: DeploymentRepository) {}

  /** @throws DomainError not_found. */
  async findByName(ctx: RequestContext, name: string): Promise<DeploymentEntity> {
    const deployment = await this.deployments.findByName(ctx, name);
    if (!deployment) throw notFound('deployment', name, 'The query `deployments` lists those there are.');
    return deployment;
  }

  list(ctx: RequestContext, args: DeploymentListArgs): Promise<Page<DeploymentEntity>> {
    return this.deployments.list(ctx, args);
  }
}
