import { Injectable } from '@nestjs/common';
import { MoreThan } from 'typeorm';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { FineTuneEventEntity } from './fine-tune-job.entity.js';

/** An event to be stored. */
export type NewEvent = Omit<FineTuneEventEntity, 'id' | 'projectId' | 'cursor'>;

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
  page(ctx: RequestContext, jobId: string, first: number, afterId: string | null): Promise<FineTuneEventEntity[]> {
    return this.database.manager(ctx).find(FineTuneEventEntity, {
      where: { projectId: ctx.projectId, jobId, ...(afterId === null ? {} : { id: MoreThan(afterId) }) },
      order: { id: 'ASC' }, take: first + 1,
    });
  }

  /** The attempt's event of a type that comes once, such as its artefact. */
  findOne(ctx: RequestContext, jobId: string, attempt: number, type: FineTuneEventEntity['type']): Promise<FineTuneEventEntity | null> {
    return this.database.manager(ctx).findOneBy(FineTuneEventEntity, { projectId: ctx.projectId, jobId, attempt, type });
  }

  /** One value per step, in order; where attempts overlap the later one's. */
  metric(ctx: RequestContext, jobId: string, name: string): Promise<MetricPoint[]> {
    return this.database.manager(ctx).query<MetricPoint[]>(
      `SELECT DISTINCT ON ((data->>'step')::int) (data->>'step')::int AS step, (data->'metrics'->>$3)::float8 AS value, attempt
         FROM fine_tune_events WHERE project_id = $1 AND job_id = $2 AND type = 'metrics' AND data->'metrics' ? $3
         ORDER BY (data->>'step')::int, attempt DESC, id DESC`, [ctx.projectId, jobId, name]);
  }
}
