import { Injectable } from '@nestjs/common';
import { batched, byId } from '../common/batched.js';
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

  list(ctx: RequestContext, args: DeploymentListArgs): Promise<Page<DeploymentEntity>> {
    return this.deployments.list(ctx, args);
  }
}
