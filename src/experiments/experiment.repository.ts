import { Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import type { KeysetArgs, ListArgs, NamedFilter, Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { byCreation, keysetPage, keysetPages, named, narrow, type SortKeys } from '../database/keyset.js';
import { ExperimentArmEntity, ExperimentEntity, type ExperimentStatus, type ExperimentSubject } from './experiment.entity.js';

export type ExperimentListArgs = ListArgs<NamedFilter & { status?: ExperimentStatus[] | null; subject?: ExperimentSubject | null; subjectName?: string | null }, 'created_at' | 'name'>;

const ORDERS: SortKeys<ExperimentEntity, 'created_at' | 'name'> = {
  created_at: byCreation('experiment'),
  name: { sql: 'experiment.name', of: ({ name }) => name, type: 'text' },
};
const ARM_ORDERS: SortKeys<ExperimentArmEntity, 'created_at'> = { created_at: byCreation('arm') };

@Injectable()
export class ExperimentRepository {
  constructor(private readonly database: Database) {}

  find(ctx: RequestContext, id: string): Promise<ExperimentEntity | null> {
    return this.database.manager(ctx).findOneBy(ExperimentEntity, { projectId: ctx.projectId, id });
  }

  /** The same, kept as it is until the transaction ends. */
  lock(tx: RequestContext, id: string): Promise<ExperimentEntity | null> {
    return this.database.manager(tx).findOne(ExperimentEntity, { where: { projectId: tx.projectId, id }, lock: { mode: 'pessimistic_write' } });
  }

  findByIds(ctx: RequestContext, ids: readonly string[]): Promise<ExperimentEntity[]> {
    return this.database.manager(ctx).findBy(ExperimentEntity, { projectId: ctx.projectId, id: In(ids) });
  }

  findRunning(ctx: RequestContext): Promise<ExperimentEntity[]> {
    return this.database.manager(ctx).findBy(ExperimentEntity, { projectId: ctx.projectId, status: 'running' });
  }

  /** Those of the same subject, the one itself left out. */
  findRunningOf(ctx: RequestContext, { id, subject, subjectName, label }: ExperimentEntity): Promise<ExperimentEntity | null> {
    return this.database.manager(ctx).createQueryBuilder(ExperimentEntity, 'experiment')
      .where({ projectId: ctx.projectId, status: 'running', subject, subjectName, label }).andWhere('experiment.id <> :id', { id }).getOne();
  }

  /** Arms of experiments, in their order. */
  armsOf(ctx: RequestContext, experimentIds: readonly string[]): Promise<ExperimentArmEntity[]> {
    return this.database.manager(ctx).find(ExperimentArmEntity, { where: { projectId: ctx.projectId, experimentId: In(experimentIds) }, order: { experimentId: 'ASC', position: 'ASC' } });
  }

  async addArms(tx: RequestContext, arms: Omit<ExperimentArmEntity, 'projectId'>[]): Promise<void> {
    await this.database.manager(tx).insert(ExperimentArmEntity, arms.map((arm) => ({ ...arm, projectId: tx.projectId })));
  }

  async setWeights(tx: RequestContext, weights: { id: string; weight: number }[]): Promise<void> {
    await this.database.manager(tx).query(
      `UPDATE experiment_arms AS arm SET weight = given.weight FROM unnest($2::text[], $3::float8[]) AS given (id, weight)
       WHERE arm.project_id = $1 AND arm.id = given.id AND arm.weight <> given.weight`,
      [tx.projectId, weights.map(({ id }) => id), weights.map(({ weight }) => weight)]);
  }

  list(ctx: RequestContext, args: ExperimentListArgs): Promise<Page<ExperimentEntity>> {
    const query = this.database.manager(ctx).createQueryBuilder(ExperimentEntity, 'experiment').where({ projectId: ctx.projectId });
    const { filter } = args;
    narrow(query, {
      'experiment.status = ANY(:value)': filter?.status, 'experiment.subject = :value': filter?.subject, 'experiment.subjectName = :value': filter?.subjectName,
      ...named('experiment', filter),
    });
    return keysetPage(query, ORDERS, args);
  }

  /** The arms that versions of prompts are, with the page's cursors. */
  armsOfVersions(ctx: RequestContext, promptVersionIds: readonly string[], args: KeysetArgs): Promise<Map<string, Page<ExperimentArmEntity>>> {
    const query = this.database.manager(ctx).createQueryBuilder(ExperimentArmEntity, 'arm').where({ projectId: ctx.projectId });
    return keysetPages(query, 'promptVersionId', promptVersionIds, ARM_ORDERS, args);
  }
}
