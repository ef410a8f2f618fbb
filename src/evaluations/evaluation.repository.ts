import { Injectable } from '@nestjs/common';
import { In, LessThan } from 'typeorm';
import { newId } from '../common/ids.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { EvaluationRunEntity, EvaluationSampleEntity, EvaluationSuiteEntity } from './evaluation.entity.js';

export type NewSample = Omit<EvaluationSampleEntity, 'id' | 'projectId' | 'runId' | 'createdAt'>;

/** What the samples of a run add up to. */
export interface Totals {
  goldMean: number;
  goldBest: number;
  rewardMean: number | null;
  promptTokens: number;
  completionTokens: number;
}

@Injectable()
export class EvaluationRepository {
  constructor(private readonly database: Database) {}

  /** Null when the name is taken. */
  async addSuite(ctx: RequestContext, suite: Omit<EvaluationSuiteEntity, 'projectId' | 'createdAt'>): Promise<EvaluationSuiteEntity | null> {
    await this.database.manager(ctx).createQueryBuilder().insert().into(EvaluationSuiteEntity)
      .values({ ...suite, grader: suite.grader as object, projectId: ctx.projectId }).orIgnore().execute();
    return this.findSuite(ctx, { id: suite.id });
  }

  findSuite(ctx: RequestContext, by: { id: string } | { name: string }): Promise<EvaluationSuiteEntity | null> {
    return this.database.manager(ctx).findOneBy(EvaluationSuiteEntity, { projectId: ctx.projectId, ...by });
  }

  findRun(ctx: RequestContext, id: string): Promise<EvaluationRunEntity | null> {
    return this.database.manager(ctx).findOneBy(EvaluationRunEntity, { projectId: ctx.projectId, id });
  }

  findRuns(ctx: RequestContext, ids: string[]): Promise<EvaluationRunEntity[]> {
    return this.database.manager(ctx).findBy(EvaluationRunEntity, { projectId: ctx.projectId, id: In(ids) });
  }

  listRuns(ctx: RequestContext, suiteId: string | null, first: number, beforeId: string | null): Promise<EvaluationRunEntity[]> {
    return this.database.manager(ctx).find(EvaluationRunEntity, {
      where: { projectId: ctx.projectId, ...(suiteId !== null && { suiteId }), ...(beforeId !== null && { id: LessThan(beforeId) }) },
      order: { id: 'DESC' }, take: first + 1,
    });
  }

  async addSamples(ctx: RequestContext, runId: string, samples: NewSample[]): Promise<void> {
    await this.database.manager(ctx).insert(EvaluationSampleEntity,
      samples.map((sample) => ({ ...sample, id: newId('smpl'), projectId: ctx.projectId, runId })));
  }

  /** Items whose answers are stored; all of an item's answers are stored at once. */
  async answeredItems(ctx: RequestContext, runId: string): Promise<Set<number>> {
    const rows = await this.database.manager(ctx).find(EvaluationSampleEntity, { select: { item: true }, where: { projectId: ctx.projectId, runId, sample: 0 } });
    return new Set(rows.map((row) => row.item));
  }

  /** In order of item and answer; one more than `first`. */
  samples(ctx: RequestContext, runId: string, first: number, after: { item: number; sample: number } | null): Promise<EvaluationSampleEntity[]> {
    const query = this.database.manager(ctx).createQueryBuilder(EvaluationSampleEntity, 's')
      .where('s.projectId = :projectId AND s.runId = :runId', { projectId: ctx.projectId, runId })
      .orderBy('s.item').addOrderBy('s.sample').limit(first + 1);
    if (after) query.andWhere('(s.item, s.sample) > (:item, :sample)', after);
    return query.getMany();
  }

  /** Gold score of each item's chosen answer, in order of item. */
  async chosenGold(ctx: RequestContext, runId: string): Promise<{ item: number; gold: number }[]> {
    return this.database.manager(ctx).find(EvaluationSampleEntity, {
      select: { item: true, gold: true }, where: { projectId: ctx.projectId, runId, chosen: true }, order: { item: 'ASC' },
    });
  }

  async totals(ctx: RequestContext, runId: string): Promise<Totals> {
    const [row] = await this.database.manager(ctx).query<Totals[]>(
      `SELECT avg(s.gold) AS "goldMean", avg(s.reward) FILTER (WHERE s.chosen) AS "rewardMean",
              (SELECT avg(best) FROM (SELECT max(gold) AS best FROM evaluation_samples WHERE project_id = $1 AND run_id = $2 GROUP BY item) AS items) AS "goldBest",
              (sum(s.prompt_tokens) FILTER (WHERE s.sample = 0))::int AS "promptTokens", sum(s.completion_tokens)::int AS "completionTokens"
       FROM evaluation_samples s WHERE s.project_id = $1 AND s.run_id = $2`, [ctx.projectId, runId]);
    return row!;
  }

  /** Each item's best answer by a score, the earlier one of equals; items without a score are left out. */
  async best(ctx: RequestContext, runId: string, by: 'reward' | 'gold'): Promise<EvaluationSampleEntity[]> {
    return this.database.manager(ctx).createQueryBuilder(EvaluationSampleEntity, 's').distinctOn(['s.item'])
      .where('s.projectId = :projectId AND s.runId = :runId', { projectId: ctx.projectId, runId }).andWhere(`s.${by} IS NOT NULL`)
      .orderBy('s.item').addOrderBy(`s.${by}`, 'DESC').addOrderBy('s.sample').getMany();
  }
}
