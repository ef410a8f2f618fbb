import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { dataSourceOptions, migrate } from '../../src/database/data-source.js';
import { createScratchDatabase } from '../helpers/scratch-database.js';

const TABLES = "SELECT count(*)::int AS n FROM information_schema.tables WHERE table_schema = 'public' AND table_name <> 'migrations'";

describe('migrations', () => {
  let database: Awaited<ReturnType<typeof createScratchDatabase>>;
  beforeAll(async () => { database = await createScratchDatabase(inject('postgresUrl')); });
  afterAll(() => database.drop());

  it('go up, leave nothing to generate, go down and up again', async () => {
    await migrate(database.url);
    const source = await new DataSource(dataSourceOptions(database.url)).initialize();
    try {
      const missing = await source.driver.createSchemaBuilder().log();
      expect(missing.upQueries.map(({ query }) => query)).toEqual([]);
      const [{ n: tables }] = await source.query(TABLES);
      expect(tables).toBe(source.entityMetadatas.length);
      for (const _ of source.migrations) await source.undoLastMigration();
      expect(await source.query(TABLES)).toEqual([{ n: 0 }]);
      await source.runMigrations();
      expect(await source.query(TABLES)).toEqual([{ n: tables }]);
    } finally {
      await source.destroy();
    }
  });

  it('may be run by several processes at once', async () => {
    const fresh = await createScratchDatabase(inject('postgresUrl'));
    await Promise.all([migrate(fresh.url), migrate(fresh.url), migrate(fresh.url)]);
    await fresh.drop();
  });

  it('put a project on every row', async () => {
    const source = await new DataSource(dataSourceOptions(database.url)).initialize();
    const without = source.entityMetadatas.filter((entity) => !entity.columns.some((column) => column.databaseName === 'project_id' && !column.isNullable));
    await source.destroy();
    expect(without.map((entity) => entity.tableName)).toEqual(['projects']);
  });
});
