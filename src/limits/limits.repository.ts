import { Injectable } from '@nestjs/common';
import { ApiKeyEntity, ProjectEntity } from '../auth/auth.entity.js';
import type { Limits } from '../common/limits.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { UsageMonthEntity } from './usage.entity.js';

export interface StoredLimits {
  project: Limits | null;
  key: Limits | null;
}

/** Used in a month, by a key or by all of a project. */
export type MonthlyUsage = Pick<UsageMonthEntity, 'promptTokens' | 'completionTokens' | 'costMicros'>;

const STORED_LIMITS = `
  SELECT project.limits AS project, key.limits AS key FROM projects project
  LEFT JOIN api_keys key ON key.project_id = project.id AND key.id = $2 WHERE project.id = $1`;

const SPENT = `
  SELECT coalesce(sum(cost_micros), 0)::float8 AS project, coalesce(sum(cost_micros) FILTER (WHERE key_id = $2), 0)::float8 AS key
  FROM usage_months WHERE project_id = $1 AND month = $3`;

const MONTHLY = `
  SELECT coalesce(sum(prompt_tokens), 0)::float8 AS "promptTokens", coalesce(sum(completion_tokens), 0)::float8 AS "completionTokens",
         coalesce(sum(cost_micros), 0)::float8 AS "costMicros"
  FROM usage_months WHERE project_id = $1 AND month = $2`;

const ADD_USAGE = `
  INSERT INTO usage_months AS usage (project_id, key_id, month, prompt_tokens, completion_tokens, cost_micros)
  SELECT * FROM unnest($1::text[], $2::text[], $3::date[], $4::bigint[], $5::bigint[], $6::bigint[]) AS given (project_id, key_id, month, a, b, c)
  ORDER BY project_id, key_id, month
  ON CONFLICT (project_id, key_id, month) DO UPDATE SET prompt_tokens = usage.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = usage.completion_tokens + excluded.completion_tokens, cost_micros = usage.cost_micros + excluded.cost_micros`;

/** Runs that are not over, of a project ($2 null) or of those that a principal created. */
const RUNS = `
  SELECT (SELECT count(*) FROM fine_tune_jobs WHERE project_id = $1 AND status IN ('queued', 'running') AND ($2::text IS NULL OR created_by = $2))
       + (SELECT count(*) FROM evaluation_runs WHERE project_id = $1 AND status IN ('queued', 'running') AND ($2::text IS NULL OR created_by = $2)) AS used`;

/** Bytes on disk: versions of the same content share one file. */
const STORAGE = `
  SELECT (SELECT coalesce(sum(bytes), 0) FROM files WHERE project_id = $1 AND ($2::text IS NULL OR created_by = $2))
       + (SELECT coalesce(sum(bytes), 0) FROM (SELECT DISTINCT path, bytes FROM dataset_versions WHERE project_id = $1 AND ($2::text IS NULL OR created_by = $2)) AS contents)
       + (SELECT coalesce(sum(bytes), 0) FROM artefacts WHERE project_id = $1
          AND ($2::text IS NULL OR id IN (SELECT artefact_id FROM model_versions WHERE project_id = $1 AND created_by = $2))) AS used`;

@Injectable()
export class LimitsRepository {
  constructor(private readonly database: Database) {}

  /** While a request is being let in, before it acts for its project. */
  async stored(projectId: string, keyId: string | null): Promise<StoredLimits> {
    const [row] = await this.database.platform.query<StoredLimits[]>(STORED_LIMITS, [projectId, keyId]);
    return row ?? { project: null, key: null };
  }

  /** Millionths spent in the month that starts at `month`; without a context likewise. */
  async spent(projectId: string, keyId: string | null, month: Date, ctx?: RequestContext): Promise<{ project: number; key: number }> {
    const [row] = await (ctx ? this.database.manager(ctx) : this.database.platform).query<{ project: number; key: number }[]>(SPENT, [projectId, keyId, month.toISOString().slice(0, 10)]);
    return row!;
  }

  async monthly(ctx: RequestContext, month: Date): Promise<MonthlyUsage> {
    const [row] = await this.database.manager(ctx).query<MonthlyUsage[]>(MONTHLY, [ctx.projectId, month.toISOString().slice(0, 10)]);
    return row!;
  }

  /** Adds what keys of any project used; with a context, what one of its own did. */
  async addUsage(rows: UsageMonthEntity[], ctx?: RequestContext): Promise<void> {
    const column = (name: keyof UsageMonthEntity) => rows.map((row) => row[name]);
    await (ctx ? this.database.manager(ctx) : this.database.platform).query(ADD_USAGE,
      [column('projectId'), column('keyId'), column('month'), column('promptTokens'), column('completionTokens'), column('costMicros')]);
  }

  /** Within a command of the platform's. @returns whether there is such a project. */
  async setProjectLimits(tx: RequestContext, projectId: string, limits: Limits): Promise<boolean> {
    const { affected } = await this.database.manager(tx).update(ProjectEntity, { id: projectId }, { limits });
    return affected === 1;
  }

  findKey(ctx: RequestContext, id: string): Promise<Pick<ApiKeyEntity, 'platform'> | null> {
    return this.database.manager(ctx).findOne(ApiKeyEntity, { select: { id: true, platform: true }, where: { id, projectId: ctx.projectId } });
  }

  async setKeyLimits(ctx: RequestContext, id: string, limits: Limits): Promise<void> {
    await this.database.manager(ctx).update(ApiKeyEntity, { id, projectId: ctx.projectId }, { limits });
  }

  /** Until the transaction ends no other of the project counts the same. */
  async lock(tx: RequestContext, what: 'runs' | 'storage'): Promise<void> {
    await this.database.manager(tx).query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`quota:${what}:${tx.projectId}`]);
  }

  /** @param principal null: all of the project */
  runs(ctx: RequestContext, principal: string | null): Promise<number> {
    return this.used(ctx, RUNS, principal);
  }

  storage(ctx: RequestContext, principal: string | null): Promise<number> {
    return this.used(ctx, STORAGE, principal);
  }

  private async used(ctx: RequestContext, sql: string, principal: string | null): Promise<number> {
    const [row] = await this.database.manager(ctx).query<{ used: string }[]>(sql, [ctx.projectId, principal]);
    return Number(row!.used);
  }
}
