import { Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import type { ListArgs, NamedFilter, Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { byCreation, keysetPage, named, narrow, type SortKeys } from '../database/keyset.js';
import { DeploymentEntity, ProviderEntity, type RoutingPolicy } from './deployment.entity.js';

export type DeploymentListArgs = ListArgs<NamedFilter & { target?: string | null }, 'created_at' | 'name'>;
export type ProviderListArgs = ListArgs<NamedFilter, 'created_at' | 'name'>;

const ordersOf = (alias: string): SortKeys<{ id: string; name: string }, 'created_at' | 'name'> => ({
  created_at: byCreation(alias),
  name: { sql: `${alias}.name`, of: ({ name }) => name, type: 'text' },
});

/** Every target that a deployment names. */
const TARGETS_OF = `(SELECT deployment.target UNION SELECT arm ->> 'target' FROM jsonb_array_elements(deployment.routing -> 'arms') arm
  UNION SELECT jsonb_array_elements_text(deployment.routing -> 'fallbacks'))`;
/** Whether a deployment names a target. */
const TARGETS = `(deployment.target = :value OR deployment.routing -> 'fallbacks' ? :value
  OR deployment.routing -> 'arms' @> jsonb_build_array(jsonb_build_object('target', CAST(:value AS text))))`;

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
  async add(ctx: RequestContext, row: Pick<DeploymentEntity, 'id' | 'name' | 'target' | 'routing'>): Promise<DeploymentEntity | null> {
    await this.database.manager(ctx).createQueryBuilder().insert().into(DeploymentEntity)
      .values({ ...row, projectId: ctx.projectId }).orIgnore().execute();
    return this.database.manager(ctx).findOneBy(DeploymentEntity, { projectId: ctx.projectId, id: row.id });
  }

  /** The deployment, locked until the transaction ends. */
  lock(ctx: RequestContext, name: string): Promise<DeploymentEntity | null> {
    return this.database.manager(ctx).findOne(DeploymentEntity, { where: { projectId: ctx.projectId, name }, lock: { mode: 'pessimistic_write' } });
  }

  /** With the next revision. */
  async setRouting(ctx: RequestContext, id: string, routing: RoutingPolicy): Promise<DeploymentEntity> {
    const place = { projectId: ctx.projectId, id };
    await this.database.manager(ctx).update(DeploymentEntity, place, { routing, target: routing.arms[0]!.target, revision: () => 'revision + 1', updatedAt: () => 'now()' });
    return this.database.manager(ctx).findOneByOrFail(DeploymentEntity, place);
  }

  async remove(ctx: RequestContext, id: string): Promise<void> {
    await this.database.manager(ctx).delete(DeploymentEntity, { projectId: ctx.projectId, id });
  }

  /** Null when the name is taken. */
  async addProvider(ctx: RequestContext, row: Pick<ProviderEntity, 'id' | 'name' | 'kind' | 'baseUrl' | 'headers' | 'encryptedKey' | 'prices'>): Promise<ProviderEntity | null> {
    await this.database.manager(ctx).createQueryBuilder().insert().into(ProviderEntity)
      .values({ ...row, projectId: ctx.projectId }).orIgnore().execute();
    return this.database.manager(ctx).findOneBy(ProviderEntity, { projectId: ctx.projectId, id: row.id });
  }

  /** To be changed or deleted: nobody else does, nor makes a deployment that names it, until the transaction ends. */
  lockProvider(tx: RequestContext, id: string): Promise<ProviderEntity | null> {
    return this.database.manager(tx).createQueryBuilder(ProviderEntity, 'provider').where({ projectId: tx.projectId, id }).setLock('pessimistic_write').getOne();
  }

  /** Holds a provider against deletion until the transaction ends. False when it is gone. */
  async holdProvider(tx: RequestContext, id: string): Promise<boolean> {
    return await this.database.manager(tx).createQueryBuilder(ProviderEntity, 'provider').where({ projectId: tx.projectId, id }).setLock('for_key_share').getOne() !== null;
  }

  async updateProvider(tx: RequestContext, id: string, set: Partial<Pick<ProviderEntity, 'baseUrl' | 'headers' | 'encryptedKey' | 'prices'>>): Promise<ProviderEntity> {
    await this.database.manager(tx).update(ProviderEntity, { projectId: tx.projectId, id }, set);
    return this.database.manager(tx).findOneByOrFail(ProviderEntity, { projectId: tx.projectId, id });
  }

  async deleteProvider(tx: RequestContext, id: string): Promise<void> {
    await this.database.manager(tx).delete(ProviderEntity, { projectId: tx.projectId, id });
  }

  /** Names of deployments that name models of a provider, in order; 10 at most. */
  async namesOfDeploymentsOf(ctx: RequestContext, provider: string): Promise<string[]> {
    const found = await this.database.manager(ctx).createQueryBuilder(DeploymentEntity, 'deployment').select(['deployment.id', 'deployment.name'])
      .where({ projectId: ctx.projectId }).andWhere(`EXISTS (SELECT FROM ${TARGETS_OF} AS each(target) WHERE starts_with(each.target, :prefix))`, { prefix: `${provider}/` }).orderBy('deployment.name').limit(10).getMany();
    return found.map(({ name }) => name);
  }

  /** By name. */
  allProviders(ctx: RequestContext): Promise<ProviderEntity[]> {
    return this.database.manager(ctx).find(ProviderEntity, { where: { projectId: ctx.projectId }, order: { name: 'ASC' } });
  }

  findByIds(ctx: RequestContext, ids: readonly string[]): Promise<DeploymentEntity[]> {
    return this.database.manager(ctx).findBy(DeploymentEntity, { projectId: ctx.projectId, id: In(ids) });
  }

  findProvidersByIds(ctx: RequestContext, ids: readonly string[]): Promise<ProviderEntity[]> {
    return this.database.manager(ctx).findBy(ProviderEntity, { projectId: ctx.projectId, id: In(ids) });
  }

  list(ctx: RequestContext, args: DeploymentListArgs): Promise<Page<DeploymentEntity>> {
    const query = this.database.manager(ctx).createQueryBuilder(DeploymentEntity, 'deployment').where({ projectId: ctx.projectId });
    narrow(query, { [TARGETS]: args.filter?.target, ...named('deployment', args.filter) });
    return keysetPage(query, ordersOf('deployment'), args);
  }

  listProviders(ctx: RequestContext, args: ProviderListArgs): Promise<Page<ProviderEntity>> {
    const query = this.database.manager(ctx).createQueryBuilder(ProviderEntity, 'provider').where({ projectId: ctx.projectId });
    return keysetPage(narrow(query, named('provider', args.filter)), ordersOf('provider'), args);
  }
}
