import { Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import { newId } from '../common/ids.js';
import type { CreatedFilter, ListArgs, NamedFilter, Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { byCreation, created, keysetPage, keysetPages, named, narrow, type SortKeys } from '../database/keyset.js';
import { EvaluationRunEntity, EvaluationSampleEntity, type EvaluationStatus, EvaluationSuiteEntity } from './evaluation.entity.js';

export type SuiteListArgs = ListArgs<NamedFilter & { sealed?: boolean | null }, 'created_at' | 'name'>;
export type RunListArgs = ListArgs<CreatedFilter & { status?: EvaluationStatus[] | null; modelVersionId?: string | null; promptVersionId?: string | null }, 'created_at' | 'gold'>;
export type SampleListArgs = ListArgs<{ chosen?: boolean | null; minGold?: number | null; maxGold?: number | null }, 'item' | 'gold'>;

const SUITE_ORDERS: SortKeys<EvaluationSuiteEntity, 'created_at' | 'name'> = {
  created_at: byCreation('suite'),
  name: { sql: 'suite.name', of: ({ name }) => name, type: 'text' },
};
const RUN_ORDERS: SortKeys<EvaluationRunEntity, 'created_at' | 'gold'> = {
  created_at: byCreation('run'),
  gold: { sql: "coalesce(CAST(run.gold ->> 'value' AS float8), -1)", of: ({ gold }) => gold?.value ?? -1, type: 'float8' },
};
/** More answers than an item may have, so that items and their answers sort by one number. */
const ANSWERS = 1000;
const SAMPLE_ORDERS: SortKeys<EvaluationSampleEntity, 'item' | 'gold'> = {
  item: { sql: `CAST(s.item AS bigint) * ${ANSWERS} + s.sample`, of: ({ item, sample }) => item * ANSWERS + sample, type: 'bigint' },
  gold: { sql: 's.gold', of: ({ gold }) => gold, type: 'float8' },
};

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

  findSuitesByIds(ctx: RequestContext, ids: readonly string[]): Promise<EvaluationSuiteEntity[]> {
    return this.database.manager(ctx).findBy(EvaluationSuiteEntity, { projectId: ctx.projectId, id: In(ids) });
  }

  listSuites(ctx: RequestContext, args: SuiteListArgs): Promise<Page<EvaluationSuiteEntity>> {
    const query = this.database.manager(ctx).createQueryBuilder(EvaluationSuiteEntity, 'suite').where({ projectId: ctx.projectId });
    narrow(query, { 'suite.sealed = :value': args.filter?.sealed, ...named('suite', args.filter) });
    return keysetPage(query, SUITE_ORDERS, args);
  }

  findRun(ctx: RequestContext, id: string): Promise<EvaluationRunEntity | null> {
    return this.database.manager(ctx).findOneBy(EvaluationRunEntity, { projectId: ctx.projectId, id });
  }

  findRuns(ctx: RequestContext, ids: readonly string[]): Promise<EvaluationRunEntity[]> {
    return this.database.manager(ctx).findBy(EvaluationRunEntity, { projectId: ctx.projectId, id: In(ids) });
  }

  listRuns(ctx: RequestContext, suiteId: string | null, args: RunListArgs): Promise<Page<EvaluationRunEntity>> {
    const query = this.database.manager(ctx).createQueryBuilder(EvaluationRunEntity, 'run').where({ projectId: ctx.projectId });
    const { filter } = args;
    narrow(query, {
      'run.suiteId = :value': suiteId, 'run.status = ANY(:value)': filter?.status, 'run.modelVersionId = :value': filter?.modelVersionId,
      'run.promptVersionId = :value': filter?.promptVersionId, ...created('run', filter),
    });
    return keysetPage(query, RUN_ORDERS, args);
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

  /** A page of each run's answers. */
  samples(ctx: RequestContext, runIds: readonly string[], args: SampleListArgs): Promise<Map<string, Page<EvaluationSampleEntity>>> {
    const query = this.database.manager(ctx).createQueryBuilder(EvaluationSampleEntity, 's').where({ projectId: ctx.projectId });
    narrow(query, { 's.chosen = :value': args.filter?.chosen, 's.gold >= :value': args.filter?.minGold, 's.gold <= :value': args.filter?.maxGold });
    return keysetPages(query, 'runId', runIds, SAMPLE_ORDERS, args, 'asc');
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
