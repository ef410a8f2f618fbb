import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Limits1764120000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("CREATE TABLE \"usage_months\" (\"project_id\" text NOT NULL, \"key_id\" text NOT NULL, \"month\" date NOT NULL, \"prompt_tokens\" bigint NOT NULL DEFAULT '0', \"completion_tokens\" bigint NOT NULL DEFAULT '0', \"cost_micros\" bigint NOT NULL DEFAULT '0', CONSTRAINT \"PK_f27635912de7816cd24e3f9afab\" PRIMARY KEY (\"project_id\", \"key_id\", \"month\"))");
    await runner.query("ALTER TABLE \"projects\" ADD \"limits\" jsonb");
    await runner.query("ALTER TABLE \"api_keys\" ADD \"limits\" jsonb");
    await runner.query("ALTER TABLE \"files\" ADD \"created_by\" text NOT NULL DEFAULT ''");
    await runner.query("ALTER TABLE \"dataset_versions\" ADD \"bytes\" bigint NOT NULL DEFAULT '0'");
    await runner.query("ALTER TABLE \"providers\" ADD \"prices\" jsonb NOT NULL DEFAULT '[]'");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE \"providers\" DROP COLUMN \"prices\"");
    await runner.query("ALTER TABLE \"dataset_versions\" DROP COLUMN \"bytes\"");
    await runner.query("ALTER TABLE \"files\" DROP COLUMN \"created_by\"");
    await runner.query("ALTER TABLE \"api_keys\" DROP COLUMN \"limits\"");
    await runner.query("ALTER TABLE \"projects\" DROP COLUMN \"limits\"");
    await runner.query("DROP TABLE \"usage_months\"");
  }
}
