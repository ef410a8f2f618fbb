import { Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import type { CreatedFilter, ListArgs, Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { byCreation, created, keysetPage, narrow, type SortKeys } from '../database/keyset.js';
import type { RunKey } from '../database/transition.js';
import { FineTuneCheckpointEntity, FineTuneJobEntity, type FineTuneMethod, type FineTuneStatus } from './fine-tune-job.entity.js';
import { STALE_AFTER_SECONDS } from './run-policy.js';

/** Names a job across projects, for the platform's own tasks. */
export type JobRef = Pick<FineTuneJobEntity, 'id' | 'projectId'>;

export type FineTuneJobListArgs = ListArgs<CreatedFilter & { status?: FineTuneStatus[] | null; method?: FineTuneMethod | null; registerAs?: string | null }, 'created_at' | 'register_as'>;

const ORDERS: SortKeys<FineTuneJobEntity, 'created_at' | 'register_as'> = {
  created_at: byCreation('job'),
  register_as: { sql: 'job.registerAs', of: ({ registerAs }) => registerAs, type: 'text' },
};

/** A queued job that was put on its queue longer ago may have been lost with it. */
const ENQUEUE_AGAIN = "interval '30 seconds'";

@Injectable()
export class FineTuneJobRepository {
  constructor(private readonly database: Database) {}

  add(ctx: RequestContext, job: Partial<FineTuneJobEntity> & { id: string }): Promise<FineTuneJobEntity> {
    return this.database.manager(ctx).save(FineTuneJobEntity, this.database.manager(ctx).create(FineTuneJobEntity, { ...job, projectId: ctx.projectId }));
  }

  find(ctx: RequestContext, id: string): Promise<FineTuneJobEntity | null> {
    return this.database.manager(ctx).findOneBy(FineTuneJobEntity, { projectId: ctx.projectId, id });
  }

  /** For a caller that shows the job's own token instead of a project's key. */
  findByIdAlone(id: string): Promise<FineTuneJobEntity | null> {
    return this.database.platform.findOneBy(FineTuneJobEntity, { id });
  }

  findByIds(ctx: RequestContext, ids: readonly string[]): Promise<FineTuneJobEntity[]> {
    return this.database.manager(ctx).findBy(FineTuneJobEntity, { projectId: ctx.projectId, id: In(ids) });
  }

  list(ctx: RequestContext, args: FineTuneJobListArgs): Promise<Page<FineTuneJobEntity>> {
    const query = this.database.manager(ctx).createQueryBuilder(FineTuneJobEntity, 'job').where({ projectId: ctx.projectId });
    narrow(query, {
      'job.status = ANY(:value)': args.filter?.status, 'job.method = :value': args.filter?.method,
      'job.registerAs = :value': args.filter?.registerAs, ...created('job', args.filter),
    });
    return keysetPage(query, ORDERS, args);
  }

  /** The job, locked until the transaction ends. */
  lock(tx: RequestContext, key: { id: string; attempt?: number; status?: 'running' }): Promise<FineTuneJobEntity | null> {
    return tx.tx!.findOne(FineTuneJobEntity, { where: { projectId: tx.projectId, ...key }, lock: { mode: 'pessimistic_write' } });
  }

  /** Seconds of database time since the last heartbeat. */
  async silentSeconds(ctx: RequestContext, id: string): Promise<number> {
    const [row] = await this.database.manager(ctx).query<{ silent: number | null }[]>(
      'SELECT extract(epoch FROM clock_timestamp() - heartbeat_at)::float8 AS silent FROM fine_tune_jobs WHERE id = $1 AND project_id = $2', [id, ctx.projectId]);
    return row?.silent ?? 0;
  }

  /** Running jobs of all projects whose worker has fallen silent. */
  stale(): Promise<JobRef[]> {
    return this.database.platform.query(
      `SELECT id, project_id AS "projectId" FROM fine_tune_jobs WHERE status = 'running' AND heartbeat_at < now() - interval '${STALE_AFTER_SECONDS} seconds'`);
  }

  /** Queued jobs of all projects that should be put on their queue again; each is handed to one caller only. */
  async takeUnqueued(tx: RequestContext['tx']): Promise<JobRef[]> {
    const [rows] = await tx!.query<[JobRef[], number]>(
      `UPDATE fine_tune_jobs SET enqueued_at = now() WHERE status = 'queued' AND enqueued_at < now() - ${ENQUEUE_AGAIN} RETURNING id, project_id AS "projectId"`);
    return rows;
  }

  /** Writes what the trainer reported; nothing once the attempt is over. */
  async report(tx: RequestContext, key: Required<RunKey>, set: Partial<Pick<FineTuneJobEntity, 'step' | 'etaSeconds' | 'summary' | 'rewardReport'>>): Promise<void> {
    if (Object.keys(set).length > 0) await tx.tx!.update(FineTuneJobEntity, { ...key, status: 'running' }, set);
  }

  async requestStop(tx: RequestContext, id: string): Promise<void> {
    await tx.tx!.update(FineTuneJobEntity, { id, projectId: tx.projectId, status: 'running' }, { stopRequestedAt: () => 'now()' });
  }

  async addCheckpoint(tx: RequestContext, checkpoint: Omit<FineTuneCheckpointEntity, 'projectId' | 'createdAt'>): Promise<void> {
    await tx.tx!.createQueryBuilder().insert().into(FineTuneCheckpointEntity).values({ ...checkpoint, projectId: tx.projectId })
      .orUpdate(['path', 'manifest', 'metrics'], ['job_id', 'attempt', 'step']).execute();
  }

  /** Newest first: by step, and of the same step the later attempt's. */
  checkpoints(ctx: RequestContext, jobId: string): Promise<FineTuneCheckpointEntity[]> {
    return this.database.manager(ctx).find(FineTuneCheckpointEntity, { where: { projectId: ctx.projectId, jobId }, order: { step: 'DESC', attempt: 'DESC' } });
  }

  /** The newest checkpoints of each job, newest first. */
  newestCheckpoints(ctx: RequestContext, jobIds: readonly string[], limit: number): Promise<FineTuneCheckpointEntity[]> {
    const newest = 'checkpoint.step DESC, checkpoint.attempt DESC';
    const query = this.database.manager(ctx).createQueryBuilder(FineTuneCheckpointEntity, 'checkpoint')
      .where('checkpoint.projectId = :projectId AND checkpoint.jobId IN (:...jobIds)', { projectId: ctx.projectId, jobIds });
    const ranked = query.clone().select('checkpoint.id', 'id').addSelect(`row_number() OVER (PARTITION BY checkpoint.jobId ORDER BY ${newest})`, 'rank');
    return query.andWhere(`checkpoint.id IN (SELECT ranked.id FROM (${ranked.getQuery()}) ranked WHERE ranked.rank <= :limit)`, { limit })
      .orderBy('checkpoint.step', 'DESC').addOrderBy('checkpoint.attempt', 'DESC').getMany();
  }

  async removeCheckpoint(ctx: RequestContext, id: string): Promise<void> {
    await this.database.manager(ctx).delete(FineTuneCheckpointEntity, { projectId: ctx.projectId, id });
  }
}
