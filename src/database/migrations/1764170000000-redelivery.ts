import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Redelivery1764170000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE \"webhook_deliveries\" ADD \"attempts_before\" integer NOT NULL DEFAULT '0'");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE \"webhook_deliveries\" DROP COLUMN \"attempts_before\"");
  }
}
