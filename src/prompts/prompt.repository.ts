import { Injectable } from '@nestjs/common';
import { In, type SelectQueryBuilder } from 'typeorm';
import type { CreatedFilter, ListArgs, NamedFilter, Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { byCreation, created, keysetPage, keysetPages, named, narrow, type SortKeys } from '../database/keyset.js';
import { folderOf, PromptEntity, PromptLabelEntity, type PromptType, PromptVersionEntity } from './prompt.entity.js';

interface PromptFilterArgs extends NamedFilter {
  type?: PromptType | null;
  /** Prompts in it, at any depth; without a slash at its end. */
  folder?: string | null;
  tag?: string | null;
  label?: string | null;
  search?: string | null;
  archived?: boolean | null;
}

/** A prompt, and the version that each of its labels names. */
export interface PromptState {
  prompt: PromptEntity;
  labels: Map<string, number>;
}

export type PromptListArgs = ListArgs<PromptFilterArgs, 'created_at' | 'name'>;
export type PromptVersionListArgs = ListArgs<CreatedFilter & { tag?: string | null; createdBy?: string | null }, 'version'>;

const PROMPT_ORDERS: SortKeys<PromptEntity, 'created_at' | 'name'> = {
  created_at: byCreation('prompt'),
  name: { sql: 'prompt.name', of: (prompt) => prompt.name, type: 'text' },
};
const VERSION_ORDERS: SortKeys<PromptVersionEntity, 'version'> = { version: { sql: 'version.version', of: ({ version }) => version, type: 'bigint' } };

@Injectable()
export class PromptRepository {
  constructor(private readonly database: Database) {}

  findByName(ctx: RequestContext, name: string): Promise<PromptEntity | null> {
    return this.database.manager(ctx).findOneBy(PromptEntity, { projectId: ctx.projectId, name });
  }

  /** Creates the prompt if absent and takes its next version number; the row stays locked until the transaction ends. */
  async takeNextVersion(ctx: RequestContext, prompt: Pick<PromptEntity, 'id' | 'name' | 'type'>): Promise<PromptEntity> {
    const manager = this.database.manager(ctx);
    await manager.createQueryBuilder().insert().into(PromptEntity)
      .values({ ...prompt, folder: folderOf(prompt.name), projectId: ctx.projectId }).orIgnore().execute();
    await manager.increment(PromptEntity, { projectId: ctx.projectId, name: prompt.name }, 'latestVersion', 1);
    return manager.findOneByOrFail(PromptEntity, { projectId: ctx.projectId, name: prompt.name });
  }

  async addVersion(ctx: RequestContext, version: Omit<PromptVersionEntity, 'projectId' | 'createdAt'>): Promise<PromptVersionEntity> {
    return this.database.manager(ctx).save(PromptVersionEntity, { ...version, projectId: ctx.projectId });
  }

  /** The version of that number, or that a label names (`latest` too), by one statement. */
  findNamed(ctx: RequestContext, name: string, by: { version: number } | { label: string }): Promise<PromptVersionEntity | null> {
    const query = this.database.manager(ctx).createQueryBuilder(PromptVersionEntity, 'version')
      .innerJoin(PromptEntity, 'prompt', 'prompt.id = version.promptId')
      .where('prompt.projectId = :projectId AND prompt.name = :name', { projectId: ctx.projectId, name });
    if ('version' in by) query.andWhere('version.version = :version', by);
    else if (by.label === 'latest') query.andWhere('version.version = prompt.latestVersion');
    else query.innerJoin(PromptLabelEntity, 'label', 'label.promptId = prompt.id AND label.version = version.version AND label.label = :label', by);
    return query.getOne();
  }

  /** Keeps a prompt and its labels as they are until the transaction ends; null for one that is not there. */
  async lock(tx: RequestContext, name: string): Promise<PromptState | null> {
    const manager = this.database.manager(tx);
    const prompt = await manager.findOne(PromptEntity, { where: { projectId: tx.projectId, name }, lock: { mode: 'pessimistic_write' } });
    if (!prompt) return null;
    const labels = await manager.findBy(PromptLabelEntity, { projectId: tx.projectId, promptId: prompt.id });
    return { prompt, labels: new Map(labels.map(({ label, version }) => [label, version])) };
  }

  /** In the transaction that locked it. */
  async update(tx: RequestContext, prompt: PromptEntity, change: Partial<Pick<PromptEntity, 'description' | 'tags' | 'archivedAt'>>): Promise<PromptEntity> {
    await this.database.manager(tx).update(PromptEntity, { projectId: tx.projectId, id: prompt.id }, change);
    return { ...prompt, ...change };
  }

  findByIds(ctx: RequestContext, ids: readonly string[]): Promise<PromptEntity[]> {
    return this.database.manager(ctx).findBy(PromptEntity, { projectId: ctx.projectId, id: In(ids) });
  }

  findVersionsByIds(ctx: RequestContext, ids: readonly string[]): Promise<PromptVersionEntity[]> {
    return this.database.manager(ctx).findBy(PromptVersionEntity, { projectId: ctx.projectId, id: In(ids) });
  }

  async setLabels(ctx: RequestContext, promptId: string, version: number, labels: string[]): Promise<void> {
    if (labels.length === 0) return;
    await this.database.manager(ctx).upsert(PromptLabelEntity,
      labels.map((label) => ({ projectId: ctx.projectId, promptId, label, version })), ['promptId', 'label']);
  }

  async removeLabels(tx: RequestContext, promptId: string, labels: string[]): Promise<void> {
    await this.database.manager(tx).delete(PromptLabelEntity, { projectId: tx.projectId, promptId, label: In(labels) });
  }

  labelsOf(ctx: RequestContext, promptIds: readonly string[]): Promise<PromptLabelEntity[]> {
    return this.database.manager(ctx).find(PromptLabelEntity, { where: { projectId: ctx.projectId, promptId: In(promptIds) }, order: { label: 'ASC' } });
  }

  listVersions(ctx: RequestContext, promptIds: readonly string[], args: PromptVersionListArgs): Promise<Map<string, Page<PromptVersionEntity>>> {
    const query = this.database.manager(ctx).createQueryBuilder(PromptVersionEntity, 'version').where({ projectId: ctx.projectId });
    narrow(query, { ':value = ANY(version.tags)': args.filter?.tag, 'version.createdBy = :value': args.filter?.createdBy, ...created('version', args.filter) });
    return keysetPages(query, 'promptId', promptIds, VERSION_ORDERS, args);
  }

  list(ctx: RequestContext, args: PromptListArgs): Promise<Page<PromptEntity>> {
    return keysetPage(this.filtered(ctx, args), PROMPT_ORDERS, args);
  }

  /** Prompts that are in a folder itself; folders with their slash. */
  listIn(ctx: RequestContext, folders: readonly string[], args: PromptListArgs): Promise<Map<string, Page<PromptEntity>>> {
    return keysetPages(this.filtered(ctx, args), 'folder', folders, PROMPT_ORDERS, args);
  }

  private filtered(ctx: RequestContext, { filter }: PromptListArgs): SelectQueryBuilder<PromptEntity> {
    const query = this.database.manager(ctx).createQueryBuilder(PromptEntity, 'prompt').where({ projectId: ctx.projectId });
    query.andWhere(`prompt.archivedAt IS ${filter?.archived ? 'NOT NULL' : 'NULL'}`);
    return narrow(query, {
      'prompt.type = :value': filter?.type, ':value = ANY(prompt.tags)': filter?.tag,
      "prompt.folder >= :value || '/' AND prompt.folder < :value || '/~'": filter?.folder,
      'EXISTS (SELECT FROM prompt_labels l WHERE l.prompt_id = prompt.id AND l.label = :value)': filter?.label,
      'prompt.id IN (SELECT triad_find_prompts(:value))': filter?.search,
      ...named('prompt', filter),
    });
  }
}
