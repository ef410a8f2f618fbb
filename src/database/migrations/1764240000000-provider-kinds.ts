import type { MigrationInterface, QueryRunner } from 'typeorm';

export class ProviderKinds1764240000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE \"providers\" ADD \"kind\" text NOT NULL DEFAULT 'openai'");
    await runner.query("ALTER TABLE \"providers\" ADD \"headers\" jsonb NOT NULL DEFAULT '{}'");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE \"providers\" DROP COLUMN \"headers\"");
    await runner.query("ALTER TABLE \"providers\" DROP COLUMN \"kind\"");
  }
}
