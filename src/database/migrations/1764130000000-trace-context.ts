import type { MigrationInterface, QueryRunner } from 'typeorm';

export class TraceContext1764130000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE "outbox" ADD "trace_context" text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE "outbox" DROP COLUMN "trace_context"');
  }
}
