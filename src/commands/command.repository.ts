import { Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import type { ListArgs, Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { byCreation, keysetPage } from '../database/keyset.js';
import { AuditChangeEntity, AuditEntryEntity, IdempotencyKeyEntity } from './command.entity.js';

export interface AuditFilter {
  principal?: string | null;
  operation?: string | null;
  outcome?: string | null;
  requestId?: string | null;
  rowId?: string | null;
  since?: Date | null;
  until?: Date | null;
}

const KEPT = "interval '24 hours'";

export type AuditListArgs = ListArgs<AuditFilter, 'at'>;

@Injectable()
export class CommandRepository {
  constructor(private readonly database: Database) {}

  /** Takes the key until the transaction ends. @returns false when another command holds it now. */
  async lockKey(tx: RequestContext, key: string): Promise<boolean> {
    const [{ taken }] = await this.database.manager(tx).query<[{ taken: boolean }]>('SELECT pg_try_advisory_xact_lock(hashtextextended($1, 15)) AS taken', [`${tx.projectId} ${key}`]);
    return taken;
  }

  findKey(tx: RequestContext, key: string): Promise<IdempotencyKeyEntity | null> {
    return this.database.manager(tx).createQueryBuilder(IdempotencyKeyEntity, 'known')
      .where({ projectId: tx.projectId, key }).andWhere(`known.createdAt > now() - ${KEPT}`).getOne();
  }

  /** Keeps an answer; one that was kept for longer than a day makes way. */
  async addKey(tx: RequestContext, key: Pick<IdempotencyKeyEntity, 'key' | 'fingerprint' | 'encryptedAnswer'>): Promise<void> {
    await this.database.manager(tx).createQueryBuilder().insert().into(IdempotencyKeyEntity)
      .values({ ...key, projectId: tx.projectId, createdAt: () => 'now()' })
      .orUpdate(['fingerprint', 'encrypted_answer', 'created_at'], ['project_id', 'key']).execute();
  }

  /** Has the rows that the transaction changes from here on written down, under an audit entry. */
  async watchChanges(tx: RequestContext, entryId: string): Promise<void> {
    await this.database.manager(tx).query("SELECT set_config('triad.audit_entry', $1, true), set_config('triad.audit_project', $2, true)", [entryId, tx.projectId]);
  }

  async addEntry(ctx: RequestContext, entry: Pick<AuditEntryEntity, 'id' | 'operation' | 'arguments' | 'outcome'>): Promise<void> {
    await this.database.manager(ctx).insert(AuditEntryEntity, { ...entry, projectId: ctx.projectId, principal: ctx.principal, role: ctx.role, requestId: ctx.requestId });
  }

  listEntries(ctx: RequestContext, args: AuditListArgs): Promise<Page<AuditEntryEntity>> {
    const { rowId, since, until, ...equal } = args.filter ?? {};
    const query = this.database.manager(ctx).createQueryBuilder(AuditEntryEntity, 'entry').where({ projectId: ctx.projectId });
    for (const [column, value] of Object.entries(equal)) if (value != null) query.andWhere({ [column]: value });
    if (rowId != null) query.andWhere('entry.id IN (SELECT entry_id FROM audit_changes WHERE project_id = :projectId AND row_id = :rowId)', { projectId: ctx.projectId, rowId });
    if (since != null) query.andWhere('entry.at >= :since', { since });
    if (until != null) query.andWhere('entry.at < :until', { until });
    return keysetPage(query, { at: byCreation('entry') }, args);
  }

  changesOf(ctx: RequestContext, entryIds: string[]): Promise<AuditChangeEntity[]> {
    return this.database.manager(ctx).find(AuditChangeEntity, { where: { projectId: ctx.projectId, entryId: In(entryIds) }, order: { id: 'ASC' } });
  }

  /** Removes answers, of any project, that are kept no longer. @returns how many. */
  async removeOldKeys(limit: number): Promise<number> {
    const [, removed] = await this.database.platform.query<[unknown, number]>(
      `DELETE FROM idempotency_keys WHERE (project_id, key) IN (SELECT project_id, key FROM idempotency_keys WHERE created_at < now() - ${KEPT} LIMIT $1 FOR UPDATE SKIP LOCKED)`, [limit]);
    return removed;
  }
}
