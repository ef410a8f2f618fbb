import { Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import { newId } from '../common/ids.js';
import type { CreatedFilter, ListArgs, NamedFilter, Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import type { Manifest } from '../contracts/contracts.generated.js';
import { Database } from '../database/database.js';
import { Notifications } from '../database/notifications.js';
import { announce } from '../database/remembered.js';
import { byCreation, created, keysetPage, keysetPages, named, narrow, type SortKeys } from '../database/keyset.js';
import { ArtefactEntity, ModelAliasEntity, ModelEntity, type ModelKind, ModelVersionEntity } from './model.entity.js';

export type ModelListArgs = ListArgs<NamedFilter, 'created_at' | 'name'>;
export type ModelVersionListArgs = ListArgs<CreatedFilter & { kind?: ModelKind | null; licence?: string | null }, 'version'>;

const MODEL_ORDERS: SortKeys<ModelEntity, 'created_at' | 'name'> = {
  created_at: byCreation('model'),
  name: { sql: 'model.name', of: (model) => model.name, type: 'text' },
};
const VERSION_ORDERS: SortKeys<ModelVersionEntity, 'version'> = { version: { sql: 'version.version', of: ({ version }) => version, type: 'bigint' } };

@Injectable()
export class ModelRepository {
  constructor(
    private readonly database: Database,
    private readonly notifications: Notifications,
  ) {}

  findByName(ctx: RequestContext, name: string): Promise<ModelEntity | null> {
    return this.database.manager(ctx).findOneBy(ModelEntity, { projectId: ctx.projectId, name });
  }

  /** Creates the model if absent; its row stays locked until the transaction ends. */
  async lock(ctx: RequestContext, model: { name: string; description: string | null }): Promise<ModelEntity> {
    const manager = this.database.manager(ctx);
    await manager.createQueryBuilder().insert().into(ModelEntity)
      .values({ ...model, id: newId('mdl'), projectId: ctx.projectId }).orIgnore().execute();
    return manager.findOneOrFail(ModelEntity, {
      where: { projectId: ctx.projectId, name: model.name }, lock: { mode: 'pessimistic_write' },
    });
  }

  /** The caller holds the model's lock. */
  async addVersion(ctx: RequestContext, model: ModelEntity, version: Omit<ModelVersionEntity, 'id' | 'projectId' | 'modelId' | 'name' | 'version' | 'createdAt'>): Promise<ModelVersionEntity> {
    const manager = this.database.manager(ctx);
    const number = model.latestVersion + 1;
    await manager.update(ModelEntity, { projectId: ctx.projectId, id: model.id }, { latestVersion: number });
    await this.changed(ctx);
    return manager.save(ModelVersionEntity, {
      ...version, id: newId('mdlv'), projectId: ctx.projectId, modelId: model.id, name: model.name, version: number,
    });
  }

  async describeModel(ctx: RequestContext, id: string, description: string): Promise<void> {
    await this.database.manager(ctx).update(ModelEntity, { projectId: ctx.projectId, id }, { description });
  }

  findVersion(ctx: RequestContext, by: Partial<Pick<ModelVersionEntity, 'id' | 'modelId' | 'version' | 'jobId' | 'artefactId' | 'licence' | 'kind'>>): Promise<ModelVersionEntity | null> {
    return this.database.manager(ctx).findOneBy(ModelVersionEntity, { projectId: ctx.projectId, ...by } as { projectId: string });
  }

  findByIds(ctx: RequestContext, ids: readonly string[]): Promise<ModelEntity[]> {
    return this.database.manager(ctx).findBy(ModelEntity, { projectId: ctx.projectId, id: In(ids) });
  }

  findVersionsByIds(ctx: RequestContext, ids: readonly string[]): Promise<ModelVersionEntity[]> {
    return this.database.manager(ctx).findBy(ModelVersionEntity, { projectId: ctx.projectId, id: In(ids) });
  }

  listVersions(ctx: RequestContext, modelIds: readonly string[], args: ModelVersionListArgs): Promise<Map<string, Page<ModelVersionEntity>>> {
    const query = this.database.manager(ctx).createQueryBuilder(ModelVersionEntity, 'version').where({ projectId: ctx.projectId });
    narrow(query, { 'version.kind = :value': args.filter?.kind, 'version.licence = :value': args.filter?.licence, ...created('version', args.filter) });
    return keysetPages(query, 'modelId', modelIds, VERSION_ORDERS, args);
  }

  list(ctx: RequestContext, args: ModelListArgs): Promise<Page<ModelEntity>> {
    const query = this.database.manager(ctx).createQueryBuilder(ModelEntity, 'model').where({ projectId: ctx.projectId });
    return keysetPage(narrow(query, named('model', args.filter)), MODEL_ORDERS, args);
  }

  findAlias(ctx: RequestContext, modelId: string, alias: string): Promise<ModelAliasEntity | null> {
    return this.database.manager(ctx).findOneBy(ModelAliasEntity, { projectId: ctx.projectId, modelId, alias });
  }

  aliasesOf(ctx: RequestContext, modelIds: readonly string[]): Promise<ModelAliasEntity[]> {
    return this.database.manager(ctx).find(ModelAliasEntity, { where: { projectId: ctx.projectId, modelId: In(modelIds) }, order: { alias: 'ASC' } });
  }

  async setAlias(ctx: RequestContext, alias: Omit<ModelAliasEntity, 'projectId' | 'movedAt'>): Promise<void> {
    await this.database.manager(ctx).createQueryBuilder().insert().into(ModelAliasEntity)
      .values({ ...alias, projectId: ctx.projectId, movedAt: () => 'now()' })
      .orUpdate(['version', 'moved_by', 'moved_at'], ['model_id', 'alias']).execute();
    await this.changed(ctx);
  }

  /** Whoever remembers what a reference names is told. */
  private changed(tx: RequestContext): Promise<void> {
    return announce(this.database, this.notifications, tx, `models:${tx.projectId}`);
  }

  /** The row of that content; made if absent. */
  async artefact(ctx: RequestContext, manifest: Manifest, path: string): Promise<ArtefactEntity> {
    const manager = this.database.manager(ctx);
    await manager.createQueryBuilder().insert().into(ArtefactEntity)
      .values({ id: newId('art'), projectId: ctx.projectId, sha256: manifest.sha256, bytes: manifest.bytes, path, manifest: manifest as object })
      .orIgnore().execute();
    return manager.findOneByOrFail(ArtefactEntity, { projectId: ctx.projectId, sha256: manifest.sha256 });
  }

  hasArtefact(ctx: RequestContext, sha256: string): Promise<boolean> {
    return this.database.manager(ctx).existsBy(ArtefactEntity, { projectId: ctx.projectId, sha256 });
  }

  findArtefacts(ctx: RequestContext, ids: readonly string[]): Promise<ArtefactEntity[]> {
    return this.database.manager(ctx).findBy(ArtefactEntity, { projectId: ctx.projectId, id: In(ids) });
  }
}
