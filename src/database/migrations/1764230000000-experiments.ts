import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Experiments1764230000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("CREATE TABLE \"experiments\" (\"id\" text NOT NULL, \"project_id\" text NOT NULL, \"name\" text NOT NULL, \"hypothesis\" text, \"status\" text NOT NULL DEFAULT 'draft', \"subject\" text NOT NULL, \"subject_name\" text NOT NULL, \"label\" text NOT NULL DEFAULT '', \"control\" text NOT NULL, \"allocation\" double precision NOT NULL, \"primary_metric\" text NOT NULL, \"guards\" jsonb NOT NULL DEFAULT '[]', \"alpha\" double precision NOT NULL, \"expected_units\" integer NOT NULL, \"observe_seconds\" integer NOT NULL, \"reweighted_at\" TIMESTAMP WITH TIME ZONE array NOT NULL DEFAULT '{}', \"weightings\" jsonb NOT NULL DEFAULT '[]', \"baseline\" text, \"promoted_arm\" text, \"halt\" jsonb, \"created_by\" text NOT NULL, \"created_at\" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(), \"started_at\" TIMESTAMP WITH TIME ZONE, \"finished_at\" TIMESTAMP WITH TIME ZONE, \"next_check_at\" TIMESTAMP WITH TIME ZONE, CONSTRAINT \"PK_aafe1321d916fac58ba06ad8178\" PRIMARY KEY (\"id\"))");
    await runner.query("CREATE INDEX \"experiments_due\" ON \"experiments\"  (\"next_check_at\") WHERE status = 'running'");
    await runner.query("CREATE UNIQUE INDEX \"experiments_one_running\" ON \"experiments\"  (\"project_id\", \"subject\", \"subject_name\", \"label\") WHERE status = 'running'");
    await runner.query("CREATE INDEX \"IDX_55e4468cf7a6243497e8f5c45d\" ON \"experiments\"  (\"project_id\", \"id\") ");
    await runner.query("CREATE TABLE \"experiment_arms\" (\"id\" text NOT NULL, \"project_id\" text NOT NULL, \"experiment_id\" text NOT NULL, \"name\" text NOT NULL, \"position\" integer NOT NULL, \"weight\" double precision NOT NULL, \"prompt_version_id\" text, \"prompt_version\" integer, \"model\" text, CONSTRAINT \"UQ_b7fbd9e17cbf5557cfe4fc8b966\" UNIQUE (\"experiment_id\", \"name\"), CONSTRAINT \"PK_c6724284646fdddb00a95c2ad1e\" PRIMARY KEY (\"id\"))");
    await runner.query("CREATE INDEX \"IDX_ce7d85e3ec4cfb4ef7d6a5fc6c\" ON \"experiment_arms\"  (\"project_id\") ");
    await runner.query("CREATE INDEX \"IDX_533c93953d60d4bcc0ded39ff5\" ON \"experiment_arms\"  (\"prompt_version_id\", \"id\") ");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP INDEX \"public\".\"IDX_533c93953d60d4bcc0ded39ff5\"");
    await runner.query("DROP INDEX \"public\".\"IDX_ce7d85e3ec4cfb4ef7d6a5fc6c\"");
    await runner.query("DROP TABLE \"experiment_arms\"");
    await runner.query("DROP INDEX \"public\".\"IDX_55e4468cf7a6243497e8f5c45d\"");
    await runner.query("DROP INDEX \"public\".\"experiments_one_running\"");
    await runner.query("DROP INDEX \"public\".\"experiments_due\"");
    await runner.query("DROP TABLE \"experiments\"");
  }
}
