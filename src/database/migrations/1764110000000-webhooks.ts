import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Webhooks1764110000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("DROP INDEX \"public\".\"IDX_eb39d823959d74ba918a17636b\"");
    await runner.query("DROP INDEX \"public\".\"IDX_0b882c26a9b91c26e6e86b4867\"");
    await runner.query("CREATE TABLE \"inbound_webhooks\" (\"id\" text NOT NULL, \"project_id\" text NOT NULL, \"provider\" text NOT NULL, \"description\" text, \"encrypted_secret\" text NOT NULL, \"previous_encrypted_secret\" text, \"previous_secret_until\" TIMESTAMP WITH TIME ZONE, \"created_at\" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(), CONSTRAINT \"PK_25bf061a0a634a08516ba76e3d9\" PRIMARY KEY (\"id\"))");
    await runner.query("CREATE INDEX \"IDX_a12732b920a8e1c52576f3dfca\" ON \"inbound_webhooks\"  (\"project_id\") ");
    await runner.query("CREATE TABLE \"inbound_messages\" (\"inbound_webhook_id\" text NOT NULL, \"webhook_id\" text NOT NULL, \"project_id\" text NOT NULL, \"created_at\" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(), CONSTRAINT \"PK_0d67b1167edbb08d4efe95b5a0b\" PRIMARY KEY (\"inbound_webhook_id\", \"webhook_id\"))");
    await runner.query("CREATE TABLE \"webhook_replays\" (\"id\" text NOT NULL, \"project_id\" text NOT NULL, \"endpoint_id\" text NOT NULL, \"since\" TIMESTAMP WITH TIME ZONE NOT NULL, \"until\" TIMESTAMP WITH TIME ZONE NOT NULL, \"event_types\" text array NOT NULL, \"events\" integer NOT NULL, \"replayed\" integer NOT NULL DEFAULT '0', \"last_event_id\" text, \"progress_at\" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(), \"finished_at\" TIMESTAMP WITH TIME ZONE, \"created_at\" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(), CONSTRAINT \"PK_9bd3bad94fcbeab595599df4d0b\" PRIMARY KEY (\"id\"))");
    await runner.query("CREATE INDEX \"IDX_5336280674761507cb119104af\" ON \"webhook_replays\"  (\"endpoint_id\") ");
    await runner.query("CREATE INDEX \"webhook_replays_unfinished\" ON \"webhook_replays\"  (\"progress_at\") WHERE finished_at IS NULL");
    await runner.query("ALTER TABLE \"webhook_endpoints\" ADD \"description\" text");
    await runner.query("ALTER TABLE \"webhook_endpoints\" ADD \"previous_encrypted_secret\" text");
    await runner.query("ALTER TABLE \"webhook_endpoints\" ADD \"previous_secret_until\" TIMESTAMP WITH TIME ZONE");
    await runner.query("ALTER TABLE \"events\" ADD \"version\" integer NOT NULL DEFAULT '1'");
    await runner.query("ALTER TABLE \"events\" ADD \"endpoint_id\" text");
    await runner.query("CREATE INDEX \"events_by_time\" ON \"events\"  (\"project_id\", \"created_at\", \"id\") ");
    await runner.query("CREATE INDEX \"webhook_deliveries_by_endpoint\" ON \"webhook_deliveries\"  (\"endpoint_id\", \"id\") ");
    await runner.query("CREATE INDEX \"webhook_deliveries_pending_by_endpoint\" ON \"webhook_deliveries\"  (\"endpoint_id\", \"next_attempt_at\") WHERE status = 'pending'");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP INDEX \"public\".\"webhook_deliveries_pending_by_endpoint\"");
    await runner.query("DROP INDEX \"public\".\"webhook_deliveries_by_endpoint\"");
    await runner.query("DROP INDEX \"public\".\"events_by_time\"");
    await runner.query("ALTER TABLE \"events\" DROP COLUMN \"endpoint_id\"");
    await runner.query("ALTER TABLE \"events\" DROP COLUMN \"version\"");
    await runner.query("ALTER TABLE \"webhook_endpoints\" DROP COLUMN \"previous_secret_until\"");
    await runner.query("ALTER TABLE \"webhook_endpoints\" DROP COLUMN \"previous_encrypted_secret\"");
    await runner.query("ALTER TABLE \"webhook_endpoints\" DROP COLUMN \"description\"");
    await runner.query("DROP INDEX \"public\".\"webhook_replays_unfinished\"");
    await runner.query("DROP INDEX \"public\".\"IDX_5336280674761507cb119104af\"");
    await runner.query("DROP TABLE \"webhook_replays\"");
    await runner.query("DROP TABLE \"inbound_messages\"");
    await runner.query("DROP INDEX \"public\".\"IDX_a12732b920a8e1c52576f3dfca\"");
    await runner.query("DROP TABLE \"inbound_webhooks\"");
    await runner.query("CREATE INDEX \"IDX_0b882c26a9b91c26e6e86b4867\" ON \"webhook_deliveries\" USING btree (\"endpoint_id\") ");
    await runner.query("CREATE INDEX \"IDX_eb39d823959d74ba918a17636b\" ON \"events\" USING btree (\"project_id\") ");
  }
}
