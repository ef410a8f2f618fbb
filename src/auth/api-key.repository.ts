import { Injectable } from '@nestjs/common';
import { type EntityManager, IsNull, LessThan } from 'typeorm';
import { newId } from '../common/ids.js';
import type { CallerRole, RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { ApiKeyEntity } from './auth.entity.js';

/** A key that may act now. */
export interface ValidKey {
  id: string;
  projectId: string;
  role: CallerRole;
  platform: boolean;
  /** Milliseconds until it expires; null: never. */
  remainingMs: number | null;
  /** Its use was last noted a minute ago or more. */
  useIsNews: boolean;
}

export type NewApiKey = Pick<ApiKeyEntity, 'name' | 'hash' | 'prefix' | 'role'> & Partial<Pick<ApiKeyEntity, 'platform' | 'createdBy' | 'expiresAt' | 'limits'>>;

const NEWS = "(last_used_at IS NULL OR last_used_at < now() - interval '1 minute')";
const UNEXPIRED = '(expires_at IS NULL OR expires_at > now())';

@Injectable()
export class ApiKeyRepository {
  constructor(private readonly database: Database) {}

  /** The valid key with that hash, of any project: who calls is not known before. */
  async findValid(hash: string): Promise<ValidKey | null> {
    const [key] = await this.database.platform.query<ValidKey[]>(
      `SELECT id, project_id AS "projectId", role, platform, ${NEWS} AS "useIsNews",
              (extract(epoch FROM expires_at - now()) * 1000)::float8 AS "remainingMs"
       FROM api_keys WHERE hash = $1 AND revoked_at IS NULL AND ${UNEXPIRED}`, [hash]);
    return key ?? null;
  }

  /** Notes that a key is in use, at most once a minute. */
  async noteUse(id: string): Promise<void> {
    await this.database.platform.query(`UPDATE api_keys SET last_used_at = now() WHERE id = $1 AND ${NEWS}`, [id]);
  }

  /** Adds a key for a project that nobody acts in yet. @returns null when the key is there already. */
  async addAsPlatform(tx: EntityManager, projectId: string, key: NewApiKey): Promise<ApiKeyEntity | null> {
    const id = newId('key');
    await tx.createQueryBuilder().insert().into(ApiKeyEntity).values({ ...key, id, projectId }).orIgnore().execute();
    return tx.findOneBy(ApiKeyEntity, { id });
  }

  /** Whether no project has a key; others who ask wait until the transaction ends. */
  async noneYet(tx: EntityManager): Promise<boolean> {
    await tx.query('SELECT pg_advisory_xact_lock(7415)');
    return !await tx.existsBy(ApiKeyEntity, {});
  }

  existsByHash(hash: string): Promise<boolean> {
    return this.database.platform.existsBy(ApiKeyEntity, { hash });
  }

  /** The time by which keys expire: the database's. */
  async now(ctx: RequestContext): Promise<Date> {
    const [{ now }] = await this.database.manager(ctx).query<[{ now: Date }]>('SELECT now()');
    return now;
  }

  add(ctx: RequestContext, key: NewApiKey): Promise<ApiKeyEntity> {
    return this.database.manager(ctx).save(ApiKeyEntity, { ...key, id: newId('key'), projectId: ctx.projectId });
  }

  find(ctx: RequestContext, id: string): Promise<ApiKeyEntity | null> {
    return this.database.manager(ctx).findOneBy(ApiKeyEntity, { id, projectId: ctx.projectId });
  }

  /** Newest first; one more than `first`. */
  list(ctx: RequestContext, first: number, beforeId: string | null): Promise<ApiKeyEntity[]> {
    return this.database.manager(ctx).find(ApiKeyEntity, {
      where: { projectId: ctx.projectId, ...(beforeId === null ? {} : { id: LessThan(beforeId) }) }, order: { id: 'DESC' }, take: first + 1,
    });
  }

  /** Lets a key expire after an overlap, in favour of another. @returns false when it is not valid or was replaced before. */
  async replace(ctx: RequestContext, id: string, replacedBy: string, overlapSeconds: number): Promise<boolean> {
    const { affected } = await this.database.manager(ctx).createQueryBuilder().update(ApiKeyEntity)
      .set({ replacedBy, expiresAt: () => 'LEAST(expires_at, now() + make_interval(secs => :overlapSeconds))' }).setParameter('overlapSeconds', overlapSeconds)
      .where({ id, projectId: ctx.projectId, revokedAt: IsNull(), replacedBy: IsNull() }).andWhere(UNEXPIRED).execute();
    return affected === 1;
  }

  /** A key that is revoked keeps the time when it was. */
  async revoke(ctx: RequestContext, id: string): Promise<void> {
    await this.database.manager(ctx).update(ApiKeyEntity, { id, projectId: ctx.projectId, revokedAt: IsNull() }, { revokedAt: () => 'now()' });
  }
}
