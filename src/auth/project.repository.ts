import { Injectable } from '@nestjs/common';
import { type EntityManager, QueryFailedError } from 'typeorm';
import { newId } from '../common/ids.js';
import type { ListArgs, NamedFilter, Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { byCreation, keysetPage, named, narrow, type SortKeys } from '../database/keyset.js';
import { ProjectEntity } from './auth.entity.js';

const UNIQUE_VIOLATION = '23505';

/** Projects. Those who manage them act across projects, so all but `current` runs as the platform. */
export type ProjectListArgs = ListArgs<NamedFilter, 'created_at' | 'name'>;

const ORDERS: SortKeys<ProjectEntity, 'created_at' | 'name'> = { created_at: byCreation('project'), name: { sql: 'project.name', of: ({ name }) => name, type: 'text' } };

@Injectable()
export class ProjectRepository {
  constructor(private readonly database: Database) {}

  /** The caller's own. */
  current(ctx: RequestContext): Promise<ProjectEntity> {
    return this.database.manager(ctx).findOneByOrFail(ProjectEntity, { id: ctx.projectId });
  }

  /** Runs `work` as the platform, in one transaction: the command's, if the caller carries one out. */
  transaction<T>(work: (tx: EntityManager) => Promise<T>, ctx?: RequestContext): Promise<T> {
    return ctx?.tx ? work(ctx.tx) : this.database.platform.transaction(work);
  }

  /** @returns null when there is one of that name. */
  async add(tx: EntityManager, name: string): Promise<ProjectEntity | null> {
    const id = newId('proj');
    await tx.createQueryBuilder().insert().into(ProjectEntity).values({ id, name }).orIgnore().execute();
    return tx.findOneBy(ProjectEntity, { id });
  }

  /** The project of that name, which is made if there is none. */
  async ensure(tx: EntityManager, name: string): Promise<ProjectEntity> {
    return await this.add(tx, name) ?? tx.findOneByOrFail(ProjectEntity, { name });
  }

  find(tx: EntityManager, id: string): Promise<ProjectEntity | null> {
    return tx.findOneBy(ProjectEntity, { id });
  }

  /** @param reference name or id; no name looks like an id */
  findByReference(reference: string): Promise<ProjectEntity | null> {
    return this.database.platform.findOneBy(ProjectEntity, [{ name: reference }, { id: reference }]);
  }

  list(args: ProjectListArgs): Promise<Page<ProjectEntity>> {
    return keysetPage(narrow(this.database.platform.createQueryBuilder(ProjectEntity, 'project'), named('project', args.filter)), ORDERS, args);
  }

  /** @returns false when another has that name. */
  async rename(tx: EntityManager, id: string, name: string): Promise<boolean> {
    try {
      await tx.update(ProjectEntity, { id }, { name });
      return true;
    } catch (error) {
      if (error instanceof QueryFailedError && (error.driverError as { code?: string }).code === UNIQUE_VIOLATION) return false;
      throw error;
    }
  }
}
