import { Injectable } from '@nestjs/common';
import { Database, type PoolUse } from '../database/database.js';
import { MIGRATIONS } from '../database/migrations/index.js';

export interface Backlog {
  pending: number;
  /** How long the one that waits longest has been overdue; 0 when there is none. */
  oldestSeconds: number;
}

const STATEMENT_TIMEOUT_MS = 2_000;

/** What the platform as a whole looks like in Postgres, across projects; for operators only. */
@Injectable()
export class PlatformStateRepository {
  constructor(private readonly database: Database) {}

  /** @throws Error when Postgres does not answer the platform and the tenants. */
  async ping(): Promise<void> {
    await Promise.all([this.database.platform.query('SELECT 1'), this.database.nobody.query('SELECT 1')]);
  }

  /** Names of migrations that this version has and the database has not. */
  async pendingMigrations(): Promise<string[]> {
    const rows = await this.database.platform.query<{ name: string }[]>('SELECT name FROM migrations');
    const done = new Set(rows.map(({ name }) => name));
    return MIGRATIONS.map(({ name }) => name).filter((name) => !done.has(name));
  }

  runs(): Promise<{ kind: string; status: string; count: number }[]> {
    return this.ask(`
      SELECT 'fine_tune' AS kind, status, count(*)::int FROM fine_tune_jobs GROUP BY status
      UNION ALL SELECT 'evaluation', status, count(*)::int FROM evaluation_runs GROUP BY status`);
  }

  async outbox(): Promise<Backlog> {
    const [row] = await this.ask<Backlog>(`
      SELECT count(*)::int AS pending, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS "oldestSeconds"
      FROM outbox WHERE dispatched_at IS NULL`);
    return row!;
  }

  async deliveries(): Promise<Backlog> {
    const [row] = await this.ask<Backlog>(`
      SELECT count(*)::int AS pending, greatest(0, coalesce(extract(epoch FROM now() - min(next_attempt_at)), 0))::float8 AS "oldestSeconds"
      FROM webhook_deliveries WHERE status = 'pending'`);
    return row!;
  }

  pools(): PoolUse[] {
    return this.database.pools();
  }

  private ask<Row>(sql: string): Promise<Row[]> {
    return this.database.platform.transaction(async (tx) => {
      await tx.query(`SET LOCAL statement_timeout = ${STATEMENT_TIMEOUT_MS}`);
      return tx.query<Row[]>(sql);
    });
  }
}
