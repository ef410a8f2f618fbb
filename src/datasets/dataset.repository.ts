import { Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import { newId } from '../common/ids.js';
import type { CreatedFilter, ListArgs, NamedFilter, Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { byCreation, created, keysetPage, keysetPages, named, narrow, type SortKeys } from '../database/keyset.js';
import { DatasetEntity, type DatasetFormat, DatasetVersionEntity } from './dataset.entity.js';

export type DatasetListArgs = ListArgs<NamedFilter & { format?: DatasetFormat | null }, 'created_at' | 'name'>;
export type DatasetVersionListArgs = ListArgs<CreatedFilter & { sealed?: boolean | null; licence?: string | null }, 'version' | 'rows'>;

const DATASET_ORDERS: SortKeys<DatasetEntity, 'created_at' | 'name'> = {
  created_at: byCreation('dataset'),
  name: { sql: 'dataset.name', of: (dataset) => dataset.name, type: 'text' },
};
const VERSION_ORDERS: SortKeys<DatasetVersionEntity, 'version' | 'rows'> = {
  version: { sql: 'version.version', of: ({ version }) => version, type: 'bigint' },
  rows: { sql: 'version.rows', of: ({ rows }) => rows, type: 'bigint' },
};

export type NewVersionRow = Omit<DatasetVersionEntity, 'id' | 'projectId' | 'datasetId' | 'name' | 'version' | 'createdAt'>;

/** A prompt that two versions of a project share; rows count from 1. */
export interface SharedPrompt {
  other: string;
  otherRow: number;
  row: number;
}

/** What a row of a version asks (in hex); rows count from 0. */
export interface RowPrompt {
  key: string;
  row: number;
}

const ADD_PROMPTS = `
  INSERT INTO dataset_prompts (project_id, key, version_id, row)
  SELECT $1, decode(given.key, 'hex'), $4, min(given.row) FROM unnest($2::text[], $3::int[]) AS given (key, row)
  GROUP BY given.key ORDER BY given.key
  ON CONFLICT DO NOTHING`;

const SHARED_PROMPTS = `
  SELECT other.name || '/' || other.version AS other, theirs.row + 1 AS "otherRow", mine.row + 1 AS row
  FROM unnest($2::text[], $3::int[]) AS mine (key, row)
  JOIN dataset_prompts theirs ON theirs.project_id = $1 AND theirs.key = decode(mine.key, 'hex')
  JOIN dataset_versions other ON other.id = theirs.version_id AND other.project_id = $1
  WHERE other.sealed <> $4
  ORDER BY mine.row LIMIT 5`;

@Injectable()
export class DatasetRepository {
  constructor(private readonly database: Database) {}

  /** Makes the versions of a project one after the other, so that each sees the prompts of those before. */
  async lockProject(ctx: RequestContext): Promise<void> {
    await this.database.manager(ctx).query(`SELECT pg_advisory_xact_lock(hashtextextended('datasets:' || $1, 0))`, [ctx.projectId]);
  }

  findByName(ctx: RequestContext, name: string): Promise<DatasetEntity | null> {
    return this.database.manager(ctx).findOneBy(DatasetEntity, { projectId: ctx.projectId, name });
  }

  /** The caller holds the project's lock. */
  async findOrAdd(ctx: RequestContext, name: string, format: DatasetFormat): Promise<DatasetEntity> {
    const found = await this.findByName(ctx, name);
    return found ?? this.database.manager(ctx).save(DatasetEntity, { id: newId('ds'), projectId: ctx.projectId, name, format, latestVersion: 0 });
  }

  /** A version with the same content and settings. */
  findSame(ctx: RequestContext, datasetId: string, { sha256, licence, holdout, sealed }: Pick<DatasetVersionEntity, 'sha256' | 'licence' | 'holdout' | 'sealed'>): Promise<DatasetVersionEntity | null> {
    return this.database.manager(ctx).findOneBy(DatasetVersionEntity, { projectId: ctx.projectId, datasetId, sha256, licence, holdout, sealed });
  }

  /** The caller holds the project's lock. */
  async addVersion(ctx: RequestContext, dataset: DatasetEntity, version: NewVersionRow): Promise<DatasetVersionEntity> {
    const manager = this.database.manager(ctx);
    const number = dataset.latestVersion + 1;
    await manager.update(DatasetEntity, { projectId: ctx.projectId, id: dataset.id }, { latestVersion: number });
    return manager.save(DatasetVersionEntity, {
      ...version, id: newId('dsv'), projectId: ctx.projectId, datasetId: dataset.id, name: dataset.name, version: number,
    });
  }

  /** Keeps the first row of each prompt of a version. */
  async addPrompts(ctx: RequestContext, versionId: string, prompts: RowPrompt[]): Promise<void> {
    await this.database.manager(ctx).query(ADD_PROMPTS, [ctx.projectId, prompts.map(({ key }) => key), prompts.map(({ row }) => row), versionId]);
  }

  /** The first of these prompts that versions of the other kind hold: sealed ones for open data, open ones for sealed. */
  sharedPrompts(ctx: RequestContext, prompts: RowPrompt[], sealed: boolean): Promise<SharedPrompt[]> {
    return this.database.manager(ctx).query<SharedPrompt[]>(SHARED_PROMPTS, [ctx.projectId, prompts.map(({ key }) => key), prompts.map(({ row }) => row), sealed]);
  }

  findVersion(ctx: RequestContext, datasetId: string, version: number): Promise<DatasetVersionEntity | null> {
    return this.database.manager(ctx).findOneBy(DatasetVersionEntity, { projectId: ctx.projectId, datasetId, version });
  }

  findByIds(ctx: RequestContext, ids: readonly string[]): Promise<DatasetEntity[]> {
    return this.database.manager(ctx).findBy(DatasetEntity, { projectId: ctx.projectId, id: In(ids) });
  }

  findVersionsByIds(ctx: RequestContext, ids: readonly string[]): Promise<DatasetVersionEntity[]> {
    return this.database.manager(ctx).findBy(DatasetVersionEntity, { projectId: ctx.projectId, id: In(ids) });
  }

  listVersions(ctx: RequestContext, datasetIds: readonly string[], args: DatasetVersionListArgs): Promise<Map<string, Page<DatasetVersionEntity>>> {
    const query = this.database.manager(ctx).createQueryBuilder(DatasetVersionEntity, 'version').where({ projectId: ctx.projectId });
    narrow(query, { 'version.sealed = :value': args.filter?.sealed, 'version.licence = :value': args.filter?.licence, ...created('version', args.filter) });
    return keysetPages(query, 'datasetId', datasetIds, VERSION_ORDERS, args);
  }

  list(ctx: RequestContext, args: DatasetListArgs): Promise<Page<DatasetEntity>> {
    const query = this.database.manager(ctx).createQueryBuilder(DatasetEntity, 'dataset').where({ projectId: ctx.projectId });
    narrow(query, { 'dataset.format = :value': args.filter?.format, ...named('dataset', args.filter) });
    return keysetPage(query, DATASET_ORDERS, args);
  }
}
