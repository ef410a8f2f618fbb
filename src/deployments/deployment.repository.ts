import { Injectable } from '@nestjs/common';
import { LessThan } from 'typeorm';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { DeploymentEntity, ProviderEntity } from './deployment.entity.js';

@Injectable()
export class DeploymentRepository {
  constructor(private readonly database: Database) {}

  findByName(ctx: RequestContext, name: string): Promise<DeploymentEntity | null> {
    return this.database.manager(ctx).findOneBy(DeploymentEntity, { projectId: ctx.projectId, name });
  }

  findProvider(ctx: RequestContext, name: string): Promise<ProviderEntity | null> {
    return this.database.manager(ctx).findOneBy(ProviderEntity, { projectId: ctx.projectId, name });
  }

  /** Null when the name is taken. */
  async add(ctx: RequestContext, row: Pick<DeploymentEntity, 'id' | 'name' | 'target'>): Promise<DeploymentEntity | null> {
    await this.database.manager(ctx).createQueryBuilder().insert().into(DeploymentEntity)
      .values({ ...row, projectId: ctx.projectId }).orIgnore().execute();
    return this.database.manager(ctx).findOneBy(DeploymentEntity, { projectId: ctx.projectId, id: row.id });
  }

  /** Null when the name is taken. */
  async addProvider(ctx: RequestContext, row: Pick<ProviderEntity, 'id' | 'name' | 'baseUrl' | 'encryptedKey' | 'prices'>): Promise<ProviderEntity | null> {
    await this.database.manager(ctx).createQueryBuilder().insert().into(ProviderEntity)
      .values({ ...row, projectId: ctx.projectId }).orIgnore().execute();
    return this.database.manager(ctx).findOneBy(ProviderEntity, { projectId: ctx.projectId, id: row.id });
  }

  list(ctx: RequestContext, first: number, beforeId: string | null): Promise<DeploymentEntity[]> {
    return this.database.manager(ctx).find(DeploymentEntity, {
      where: { projectId: ctx.projectId, ...(beforeId === null ? {} : { id: LessThan(beforeId) }) },
      order: { id: 'DESC' }, take: first + 1,
    });
  }

  listProviders(ctx: RequestContext, first: number, beforeId: string | null): Promise<ProviderEntity[]> {
    return this.database.manager(ctx).find(ProviderEntity, {
      where: { projectId: ctx.projectId, ...(beforeId === null ? {} : { id: LessThan(beforeId) }) },
      order: { id: 'DESC' }, take: first + 1,
    });
  }
}
