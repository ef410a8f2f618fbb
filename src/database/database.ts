import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { RequestContext } from '../common/request-context.js';

/** The one way to Postgres for repositories: it keeps to the caller's transaction when there is one. */
@Injectable()
export class Database {
  constructor(private readonly dataSource: DataSource) {}

  manager(ctx: RequestContext): EntityManager {
    return ctx.tx ?? this.dataSource.manager;
  }

  /** Runs `work` in the caller's transaction, or in a new one. Throwing rolls the whole of it back. */
  transaction<T>(ctx: RequestContext, work: (ctx: RequestContext) => Promise<T>): Promise<T> {
    if (ctx.tx) return work(ctx);
    return this.dataSource.transaction((tx) => work(ctx.inTransaction(tx)));
  }

  /** For the platform's own tasks that belong to no project (relay, reconciler, start-up). */
  get platform(): EntityManager {
    return this.dataSource.manager;
  }
}
