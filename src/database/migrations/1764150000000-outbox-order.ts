import type { MigrationInterface, QueryRunner } from 'typeorm';

export class OutboxOrder1764150000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE \"outbox\" ADD \"aggregate\" text NOT NULL DEFAULT ''");
    // The default stays: while pods are replaced, those of the version before write rows without an aggregate.
    await runner.query("CREATE INDEX \"outbox_pending_of_aggregate\" ON \"outbox\"  (\"aggregate\", \"id\") WHERE dispatched_at IS NULL");
    await runner.query("CREATE INDEX \"outbox_dispatched\" ON \"outbox\"  (\"dispatched_at\") WHERE dispatched_at IS NOT NULL");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP INDEX \"public\".\"outbox_dispatched\"");
    await runner.query("DROP INDEX \"public\".\"outbox_pending_of_aggregate\"");
    await runner.query("ALTER TABLE \"outbox\" DROP COLUMN \"aggregate\"");
  }
}
