import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Access1764100000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE \"api_keys\" ADD \"prefix\" text");
    await runner.query("ALTER TABLE \"api_keys\" ADD \"role\" text NOT NULL DEFAULT 'admin'");
    // Keys could do everything before there were roles; a new one must say its role.
    await runner.query("ALTER TABLE \"api_keys\" ALTER COLUMN \"role\" SET DEFAULT 'viewer'");
    await runner.query("ALTER TABLE \"api_keys\" ADD \"platform\" boolean NOT NULL DEFAULT false");
    await runner.query("UPDATE \"api_keys\" SET \"platform\" = true WHERE \"name\" = 'bootstrap'");
    await runner.query("ALTER TABLE \"api_keys\" ADD \"created_by\" text");
    await runner.query("ALTER TABLE \"api_keys\" ADD \"expires_at\" TIMESTAMP WITH TIME ZONE");
    await runner.query("ALTER TABLE \"api_keys\" ADD \"last_used_at\" TIMESTAMP WITH TIME ZONE");
    await runner.query("ALTER TABLE \"api_keys\" ADD \"replaced_by\" text");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE \"api_keys\" DROP COLUMN \"replaced_by\"");
    await runner.query("ALTER TABLE \"api_keys\" DROP COLUMN \"last_used_at\"");
    await runner.query("ALTER TABLE \"api_keys\" DROP COLUMN \"expires_at\"");
    await runner.query("ALTER TABLE \"api_keys\" DROP COLUMN \"created_by\"");
    await runner.query("ALTER TABLE \"api_keys\" DROP COLUMN \"platform\"");
    await runner.query("ALTER TABLE \"api_keys\" DROP COLUMN \"role\"");
    await runner.query("ALTER TABLE \"api_keys\" DROP COLUMN \"prefix\"");
  }
}
