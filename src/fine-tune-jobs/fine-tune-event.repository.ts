import { Injectable } from '@nestjs/common';
import { MoreThan } from 'typeorm';
import type { ListArgs, Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { keysetPages, narrow, type SortKeys } from '../database/keyset.js';
import { FineTuneEventEntity } from './fine-tune-job.entity.js';

/** An event to be stored. */
export type NewEvent = Omit<FineTuneEventEntity, 'id' | 'projectId' | 'cursor'>;

export type FineTuneEventListArgs = ListArgs<{ type?: FineTuneEventEntity['type'][] | null; attempt?: number | null }, 'sequence'>;

const ORDERS: SortKeys<FineTuneEventEntity, 'sequence'> = { sequence: { sql: 'event.id', of: ({ id }) => id, type: 'bigint' } };

export interface MetricPoint {
  step: number;
  value: number | null;
  attempt: number;
}

/** Events are added while the job's row is locked, so that within a job their ids rise in the order of commits. */
@Injectable()
export class FineTuneEventRepository {
  constructor(private readonly database: Database) {}

  async add(tx: RequestContext, events: NewEvent[]): Promise<void> {
    await tx.tx!.createQueryBuilder().insert().into(FineTuneEventEntity)
      .values(events.map((event) => ({ ...event, projectId: tx.projectId })) as object[]).updateEntity(false).execute();
  }

  /** Highest number of the trainer's events stored for the attempt; 0 when there is none. */
  async lastSeq(ctx: RequestContext, jobId: string, attempt: number): Promise<number> {
    const [row] = await this.database.manager(ctx).query<{ last: number | null }[]>(
      'SELECT max(seq) AS last FROM fine_tune_events WHERE project_id = $1 AND job_id = $2 AND attempt = $3', [ctx.projectId, jobId, attempt]);
    return row?.last ?? 0;
  }

  /** In order; one more than `first`, so that the caller sees whether there are more. */
  after(ctx: RequestContext, jobId: string, first: number, afterId: string | null): Promise<FineTuneEventEntity[]> {
    return this.database.manager(ctx).find(FineTuneEventEntity, {
      where: { projectId: ctx.projectId, jobId, ...(afterId === null ? {} : { id: MoreThan(afterId) }) },
      order: { id: 'ASC' }, take: first + 1,
    });
  }

  /** A page of each job's events. */
  list(ctx: RequestContext, jobIds: readonly string[], args: FineTuneEventListArgs): Promise<Map<string, Page<FineTuneEventEntity>>> {
    const query = this.database.manager(ctx).createQueryBuilder(FineTuneEventEntity, 'event').where({ projectId: ctx.projectId });
    narrow(query, { 'event.type = ANY(:value)': args.filter?.type, 'event.attempt = :value': args.filter?.attempt });
    return keysetPages(query, 'jobId', jobIds, ORDERS, args, 'asc');
  }

  /** The attempt's event of a type that comes once, such as its artefact. */
  findOne(ctx: RequestContext, jobId: string, attempt: number, type: FineTuneEventEntity['type']): Promise<FineTuneEventEntity | null> {
    return this.database.manager(ctx).findOneBy(FineTuneEventEntity, { projectId: ctx.projectId, jobId, attempt, type });
  }

  /** Of each job one value per step, in order; where attempts overlap the later one's. */
  metric(ctx: RequestContext, jobIds: readonly string[], name: string): Promise<(MetricPoint & { jobId: string })[]> {
    return this.database.manager(ctx).query<(MetricPoint & { jobId: string })[]>(
      `SELECT DISTINCT ON (job_id, (data->>'step')::int) job_id AS "jobId", (data->>'step')::int AS step, (data->'metrics'->>$3)::float8 AS value, attempt
         FROM fine_tune_events WHERE project_id = $1 AND job_id = ANY($2) AND type = 'metrics' AND data->'metrics' ? $3
         ORDER BY job_id, (data->>'step')::int, attempt DESC, id DESC`, [ctx.projectId, jobIds, name]);
  }
}
