import type { MigrationInterface, QueryRunner } from 'typeorm';

export class InboundMessagesAge1764160000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("CREATE INDEX \"IDX_867a6b7bb8435a76956d7c0606\" ON \"inbound_messages\"  (\"created_at\") ");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP INDEX \"public\".\"IDX_867a6b7bb8435a76956d7c0606\"");
  }
}
