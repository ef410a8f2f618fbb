import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Initial1764000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("CREATE TABLE \"projects\" (\"id\" text NOT NULL, \"name\" text NOT NULL, \"created_at\" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(), CONSTRAINT \"UQ_2187088ab5ef2a918473cb99007\" UNIQUE (\"name\"), CONSTRAINT \"PK_6271df0a7aed1d6c0691ce6ac50\" PRIMARY KEY (\"id\"))");
    await runner.query("CREATE TABLE \"api_keys\" (\"id\" text NOT NULL, \"project_id\" text NOT NULL, \"name\" text NOT NULL, \"hash\" text NOT NULL, \"created_at\" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(), \"revoked_at\" TIMESTAMP WITH TIME ZONE, CONSTRAINT \"UQ_598a14447f592c12d1fe22ba918\" UNIQUE (\"hash\"), CONSTRAINT \"PK_5c8a79801b44bd27b79228e1dad\" PRIMARY KEY (\"id\"))");
    await runner.query("CREATE INDEX \"IDX_f5de07dbb229225e2be643ff3d\" ON \"api_keys\"  (\"project_id\") ");
    await runner.query("CREATE TABLE \"prompts\" (\"id\" text NOT NULL, \"project_id\" text NOT NULL, \"name\" text NOT NULL, \"type\" text NOT NULL, \"latest_version\" integer NOT NULL DEFAULT '0', \"created_at\" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(), CONSTRAINT \"UQ_0831aad243c46876f671844528e\" UNIQUE (\"project_id\", \"name\"), CONSTRAINT \"PK_21f33798862975179e40b216a1d\" PRIMARY KEY (\"id\"))");
    await runner.query("CREATE TABLE \"prompt_versions\" (\"id\" text NOT NULL, \"project_id\" text NOT NULL, \"prompt_id\" text NOT NULL, \"name\" text NOT NULL, \"type\" text NOT NULL, \"version\" integer NOT NULL, \"messages\" jsonb NOT NULL, \"variables\" text array NOT NULL, \"config\" jsonb NOT NULL, \"tags\" text array NOT NULL, \"commit_message\" text, \"created_by\" text NOT NULL, \"created_at\" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(), CONSTRAINT \"UQ_5c368ac5dcdd324dd980f43fcd4\" UNIQUE (\"prompt_id\", \"version\"), CONSTRAINT \"PK_5411972c2e9c63bd40530b80545\" PRIMARY KEY (\"id\"))");
    await runner.query("CREATE INDEX \"IDX_881f7bf7835f43669be374c3e4\" ON \"prompt_versions\"  (\"project_id\") ");
    await runner.query("CREATE TABLE \"prompt_labels\" (\"project_id\" text NOT NULL, \"prompt_id\" text NOT NULL, \"label\" text NOT NULL, \"version\" integer NOT NULL, CONSTRAINT \"PK_ea57f560810f127989809af8d24\" PRIMARY KEY (\"prompt_id\", \"label\"))");
    await runner.query("CREATE TABLE \"outbox\" (\"id\" bigint GENERATED ALWAYS AS IDENTITY NOT NULL, \"project_id\" text NOT NULL, \"job\" text NOT NULL, \"payload\" jsonb NOT NULL, \"due_at\" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(), \"created_at\" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(), \"dispatched_at\" TIMESTAMP WITH TIME ZONE, CONSTRAINT \"PK_340ab539f309f03bdaa14aa7649\" PRIMARY KEY (\"id\"))");
    await runner.query("CREATE INDEX \"outbox_pending\" ON \"outbox\"  (\"id\") WHERE dispatched_at IS NULL");
    await runner.query("ALTER TABLE \"api_keys\" ADD CONSTRAINT \"FK_f5de07dbb229225e2be643ff3d0\" FOREIGN KEY (\"project_id\") REFERENCES \"projects\"(\"id\") ON DELETE NO ACTION ON UPDATE NO ACTION");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE \"api_keys\" DROP CONSTRAINT \"FK_f5de07dbb229225e2be643ff3d0\"");
    await runner.query("DROP INDEX \"public\".\"outbox_pending\"");
    await runner.query("DROP TABLE \"outbox\"");
    await runner.query("DROP TABLE \"prompt_labels\"");
    await runner.query("DROP INDEX \"public\".\"IDX_881f7bf7835f43669be374c3e4\"");
    await runner.query("DROP TABLE \"prompt_versions\"");
    await runner.query("DROP TABLE \"prompts\"");
    await runner.query("DROP INDEX \"public\".\"IDX_f5de07dbb229225e2be643ff3d\"");
    await runner.query("DROP TABLE \"api_keys\"");
    await runner.query("DROP TABLE \"projects\"");
  }
}
