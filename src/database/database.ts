import type { OnApplicationShutdown } from '@nestjs/common';
import type { Pool } from 'pg';
import { DataSource, type EntityManager } from 'typeorm';
import type { RequestContext } from '../common/request-context.js';
import type { Config } from '../config/config.js';
import { dataSourceOptions } from './data-source.js';
import { scopedTo } from './tenant-connections.js';
import { assertBound, tenantRole } from './tenant-role.js';

const OWNER_POOL = 10;
const TENANT_POOL = 20;

/** Connections of a pool of this process: those in use, those idle, and how many wait for one. */
export interface PoolUse {
  pool: 'platform' | 'tenants';
  inUse: number;
  idle: number;
  waiting: number;
}

/** The one way to Postgres. Tenants' work runs under row-level security; the platform's own as the owner of the tables. */
export class Database implements OnApplicationShutdown {
  /** What waits for a transaction's COMMIT. */
  private readonly waiting = new WeakMap<EntityManager, (() => void)[]>();

  private constructor(
    private readonly owner: DataSource,
    private readonly tenants: DataSource,
  ) {}

  /** @throws Error when Postgres is not reached, or does not let the tenants' role in, or does not bind it by row-level security. */
  static async connect(config: Pick<Config, 'DATABASE_URL' | 'TRIAD_TENANT_DATABASE_URL'>): Promise<Database> {
    const role = tenantRole(config.DATABASE_URL, config.TRIAD_TENANT_DATABASE_URL);
    const owner = await new DataSource(dataSourceOptions(config.DATABASE_URL, OWNER_POOL)).initialize();
    const tenants = await new DataSource(dataSourceOptions(role.url, TENANT_POOL)).initialize().catch(async (error: unknown) => {
      await owner.destroy();
      throw new Error(`Postgres does not let in the role ${role.name}, which tenants' work runs as: ${(error as Error).message}. Mend: run the migrations (node dist/src/migrate.js), which make it, or set TRIAD_TENANT_DATABASE_URL.`);
    });
    await assertBound(tenants).catch(async (error: unknown) => {
      await Promise.all([owner.destroy(), tenants.destroy()]);
      throw error;
    });
    return new Database(owner, tenants);
  }

  /** After the last request and job. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.owner.destroy(), this.tenants.destroy()]);
  }

  /** For repositories: the caller's transaction if there is one; sees the project's rows only. */
  manager(ctx: RequestContext): EntityManager {
    return ctx.tx ?? scopedTo(this.tenants, ctx.projectId).manager;
  }

  /** Runs `work` in the caller's transaction, or in a new one. Throwing rolls the whole of it back. */
  transaction<T>(ctx: RequestContext, work: (ctx: RequestContext) => Promise<T>): Promise<T> {
    if (ctx.tx) return work(ctx);
    return this.commit(scopedTo(this.tenants, ctx.projectId), ctx, work);
  }

  /** As `transaction`, and then takes back all that `work` wrote; what it answers, or throws, is what it would. */
  rehearse<T>(ctx: RequestContext, work: (ctx: RequestContext) => Promise<T>): Promise<T> {
    return this.transaction(ctx, async (tx) => {
      const runner = tx.tx!.queryRunner!;
      await runner.startTransaction(); // within a transaction: a savepoint
      try {
        return await work(tx);
      } finally {
        await runner.rollbackTransaction();
      }
    });
  }

  /** As `transaction`, but as the owner: for a command of the platform's, whose effect reaches beyond one project. */
  platformTransaction<T>(ctx: RequestContext, work: (ctx: RequestContext) => Promise<T>): Promise<T> {
    if (ctx.tx) return work(ctx);
    return this.commit(this.owner, ctx, work);
  }

  /** Runs `then` when the caller's transaction has committed; at once when there is none. Never when it is rolled back. */
  afterCommit({ tx }: RequestContext, then: () => void): void {
    const waiting = tx && this.waiting.get(tx);
    if (waiting) waiting.push(then);
    else then();
  }

  private async commit<T>(source: DataSource, ctx: RequestContext, work: (ctx: RequestContext) => Promise<T>): Promise<T> {
    const waiting: (() => void)[] = [];
    const result = await source.transaction((tx) => {
      this.waiting.set(tx, waiting);
      return work(ctx.inTransaction(tx));
    });
    waiting.forEach((then) => then());
    return result;
  }

  /** For the platform's own tasks that belong to no project (relay, reconciler, authentication, start-up). */
  get platform(): EntityManager {
    return this.owner.manager;
  }

  /** What the pools are doing now. */
  pools(): PoolUse[] {
    return ([['platform', this.owner], ['tenants', this.tenants]] as const).map(([pool, { driver }]) => {
      const { totalCount, idleCount, waitingCount } = (driver as unknown as { master: Pool }).master;
      return { pool, inUse: totalCount - idleCount, idle: idleCount, waiting: waitingCount };
    });
  }

  /** A connection that was told no project: it sees no rows. */
  get nobody(): EntityManager {
    return scopedTo(this.tenants, '').manager;
  }
}
