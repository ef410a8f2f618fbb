import type { MigrationInterface, QueryRunner } from 'typeorm';

export class PromptIncludes1764260000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("CREATE INDEX \"prompt_versions_including\" ON \"prompt_versions\"  (\"project_id\", \"id\") WHERE includes <> '{}'");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP INDEX \"public\".\"prompt_versions_including\"");
  }
}
