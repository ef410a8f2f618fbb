import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Routing1764250000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE "deployments" ADD "routing" jsonb');
    await runner.query("ALTER TABLE \"deployments\" ADD \"revision\" integer NOT NULL DEFAULT '1'");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE "deployments" DROP COLUMN "revision"');
    await runner.query('ALTER TABLE "deployments" DROP COLUMN "routing"');
  }
}
