import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Commands1764090000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("CREATE TABLE \"idempotency_keys\" (\"project_id\" text NOT NULL, \"key\" text NOT NULL, \"fingerprint\" text NOT NULL, \"encrypted_answer\" text NOT NULL, \"created_at\" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(), CONSTRAINT \"PK_b7d758382ccdd4d6c3e0854cb14\" PRIMARY KEY (\"project_id\", \"key\"))");
    await runner.query("CREATE INDEX \"IDX_5e72f040fdc5efc8eef52a388c\" ON \"idempotency_keys\"  (\"created_at\") ");
    await runner.query("CREATE TABLE \"audit_entries\" (\"id\" text NOT NULL, \"project_id\" text NOT NULL, \"at\" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(), \"principal\" text NOT NULL, \"role\" text NOT NULL, \"operation\" text NOT NULL, \"arguments\" jsonb NOT NULL, \"request_id\" text NOT NULL, \"outcome\" text NOT NULL, CONSTRAINT \"PK_6b1623bcad4d04530b76548d619\" PRIMARY KEY (\"id\"))");
    await runner.query("CREATE INDEX \"IDX_b615b5d2076cfc807f1fa853fb\" ON \"audit_entries\"  (\"project_id\", \"id\") ");
    await runner.query("CREATE TABLE \"audit_changes\" (\"id\" bigint GENERATED ALWAYS AS IDENTITY NOT NULL, \"project_id\" text NOT NULL, \"entry_id\" text NOT NULL, \"table\" text NOT NULL, \"row_id\" text NOT NULL, \"before\" jsonb, \"after\" jsonb, CONSTRAINT \"PK_5bad82090461c50d5ed24398677\" PRIMARY KEY (\"id\"))");
    await runner.query("CREATE INDEX \"IDX_9bbf469c779d6538915b167166\" ON \"audit_changes\"  (\"entry_id\") ");
    await runner.query("CREATE INDEX \"IDX_659a56b2de34ac5ded1f805f8f\" ON \"audit_changes\"  (\"project_id\", \"row_id\") ");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP INDEX \"public\".\"IDX_659a56b2de34ac5ded1f805f8f\"");
    await runner.query("DROP INDEX \"public\".\"IDX_9bbf469c779d6538915b167166\"");
    await runner.query("DROP TABLE \"audit_changes\"");
    await runner.query("DROP INDEX \"public\".\"IDX_b615b5d2076cfc807f1fa853fb\"");
    await runner.query("DROP TABLE \"audit_entries\"");
    await runner.query("DROP INDEX \"public\".\"IDX_5e72f040fdc5efc8eef52a388c\"");
    await runner.query("DROP TABLE \"idempotency_keys\"");
  }
}
