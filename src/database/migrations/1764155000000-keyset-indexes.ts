import type { MigrationInterface, QueryRunner } from 'typeorm';

export class KeysetIndexes1764155000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("DROP INDEX \"public\".\"IDX_c70680f0fb34aeb42d136954da\"");
    await runner.query("DROP INDEX \"public\".\"IDX_ef10530677f1663320233c4af1\"");
    await runner.query("DROP INDEX \"public\".\"IDX_f29594e8367345b9f429610b8f\"");
    await runner.query("CREATE INDEX \"IDX_62724ada91f9f326759c23cc41\" ON \"datasets\"  (\"project_id\", \"id\") ");
    await runner.query("CREATE INDEX \"IDX_0c146b064b226bf3a3275d7c82\" ON \"providers\"  (\"project_id\", \"id\") ");
    await runner.query("CREATE INDEX \"IDX_2e5cd7749483a4ec106c303498\" ON \"deployments\"  (\"project_id\", \"id\") ");
    await runner.query("CREATE INDEX \"IDX_f4d2d90931834b3bb79f773dac\" ON \"evaluation_suites\"  (\"project_id\", \"id\") ");
    await runner.query("CREATE INDEX \"IDX_dca48e47ee2f14f33956ccdb05\" ON \"evaluation_runs\"  (\"project_id\", \"id\") ");
    await runner.query("CREATE INDEX \"IDX_2efbb4753516003d1d3075df42\" ON \"fine_tune_jobs\"  (\"project_id\", \"id\") ");
    await runner.query("CREATE INDEX \"IDX_0c219a3a487bb2187282d70d5c\" ON \"fine_tune_events\"  (\"job_id\", \"id\") ");
    await runner.query("CREATE INDEX \"IDX_07ba75f5e714c61bbe7515863f\" ON \"models\"  (\"project_id\", \"id\") ");
    await runner.query("CREATE INDEX \"IDX_2b896c857a020266280a4bfa76\" ON \"prompts\"  (\"project_id\", \"id\") ");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP INDEX \"public\".\"IDX_2b896c857a020266280a4bfa76\"");
    await runner.query("DROP INDEX \"public\".\"IDX_07ba75f5e714c61bbe7515863f\"");
    await runner.query("DROP INDEX \"public\".\"IDX_0c219a3a487bb2187282d70d5c\"");
    await runner.query("DROP INDEX \"public\".\"IDX_2efbb4753516003d1d3075df42\"");
    await runner.query("DROP INDEX \"public\".\"IDX_dca48e47ee2f14f33956ccdb05\"");
    await runner.query("DROP INDEX \"public\".\"IDX_f4d2d90931834b3bb79f773dac\"");
    await runner.query("DROP INDEX \"public\".\"IDX_2e5cd7749483a4ec106c303498\"");
    await runner.query("DROP INDEX \"public\".\"IDX_0c146b064b226bf3a3275d7c82\"");
    await runner.query("DROP INDEX \"public\".\"IDX_62724ada91f9f326759c23cc41\"");
    await runner.query("CREATE INDEX \"IDX_f29594e8367345b9f429610b8f\" ON \"fine_tune_events\" USING btree (\"job_id\") ");
    await runner.query("CREATE INDEX \"IDX_ef10530677f1663320233c4af1\" ON \"fine_tune_jobs\" USING btree (\"project_id\") ");
    await runner.query("CREATE INDEX \"IDX_c70680f0fb34aeb42d136954da\" ON \"evaluation_runs\" USING btree (\"project_id\") ");
  }
}
