import type { MigrationInterface, QueryRunner } from 'typeorm';

export class EndpointRevision1764180000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE \"webhook_endpoints\" ADD \"revision\" integer NOT NULL DEFAULT '1'");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE \"webhook_endpoints\" DROP COLUMN \"revision\"");
  }
}
