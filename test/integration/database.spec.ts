import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { MIGRATIONS } from '../../src/database/migrations/index.js';
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

  it('keep what the version before wrote, and let it write on while its processes are replaced', async () => {
    const fresh = await createScratchDatabase(inject('postgresUrl'));
    const before = await new DataSource({ ...dataSourceOptions(fresh.url), migrations: MIGRATIONS.slice(0, 1) }).initialize();
    const key = (id: string, name: string) => before.query('INSERT INTO api_keys (id, project_id, name, hash) VALUES ($1, \'proj_1\', $2, $1)', [id, name]);
    try {
      await before.runMigrations();
      await before.query("INSERT INTO projects (id, name) VALUES ('proj_1', 'default')");
      await key('key_1', 'bootstrap');
      await migrate(fresh.url);
      await key('key_2', 'late');
      await before.query("INSERT INTO outbox (project_id, job, payload) VALUES ('proj_1', 'webhook.fan-out', '{}')");
      expect(await before.query('SELECT id, role, platform FROM api_keys ORDER BY id')).toEqual([
        { id: 'key_1', role: 'admin', platform: true }, { id: 'key_2', role: 'viewer', platform: false },
      ]);
    } finally {
      await before.destroy();
      await fresh.drop();
    }
  });

  it('translate templates of prompts from before Liquid, and describe their variables', async () => {
    const fresh = await createScratchDatabase(inject('postgresUrl'));
    const earlier = MIGRATIONS.slice(0, MIGRATIONS.findIndex(({ name }) => name.startsWith('PromptTemplates')));
    const before = await new DataSource({ ...dataSourceOptions(fresh.url), migrations: earlier }).initialize();
    const add = (version: number, contents: string[], variables: string[]) => before.query(
      "INSERT INTO prompt_versions (id, project_id, prompt_id, name, type, version, messages, variables, config, tags, created_by) VALUES ($1, 'proj_1', 'prm_1', 'p', 'chat', $2, $3, $4, '{}', '{}', 'key:k')",
      [`prmv_${version}`, version, JSON.stringify(contents.map((content) => ({ role: 'user', content }))), variables]);
    try {
      await before.runMigrations();
      for (let version = 1; version <= 150; version += 1) await add(version, [`{{{a}}} ${version}`, '{{!why}}\n{% if %} {{b}}'], ['a', 'b']);
      await add(151, ['nothing'], []);
      await migrate(fresh.url);
      // By a process of the version before, which is still there.
      await add(152, ['{{c}}'], ['c']);
      const rows = await before.query<{ messages: { content: string }[]; input_schema: object; includes: string[] }[]>('SELECT messages, input_schema, includes FROM prompt_versions ORDER BY version');
      const scalar = { type: ['string', 'number', 'boolean'] };
      expect(rows[149]).toEqual({
        messages: [{ role: 'user', content: '{{a}} 150' }, { role: 'user', content: '{% comment %}why\n{% endcomment %}{% raw %}{%{% endraw %} if %} {{b}}' }],
        input_schema: { type: 'object', required: ['a', 'b'], properties: { a: scalar, b: scalar } }, includes: [],
      });
      expect(rows[150]).toMatchObject({ messages: [{ content: 'nothing' }], input_schema: { type: 'object', required: [], properties: {} } });
      expect(rows[151]).toMatchObject({ input_schema: {}, includes: [] });
    } finally {
      await before.destroy();
      await fresh.drop();
    }
  });

  it('put a project on every row', async () => {
    const source = await new DataSource(dataSourceOptions(database.url)).initialize();
    const without = source.entityMetadatas.filter((entity) => !entity.columns.some((column) => column.databaseName === 'project_id' && !column.isNullable));
    await source.destroy();
    expect(without.map((entity) => entity.tableName)).toEqual(['projects']);
  });
});
