/**
 * Compares the entities with a database that has all migrations, and writes what is missing as a new migration.
 * `npm run migration:generate -- NAME`; prints "nothing to change" when the schema is whole. Needs DATABASE_URL, a server
 * where it may create and drop a scratch database.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from '../src/database/data-source.js';
import { withScratchDatabase } from '../test/helpers/scratch-database.js';

const DIRECTORY = 'src/database/migrations';
const [name = 'change', stamp = String(Date.now())] = process.argv.slice(2);

await withScratchDatabase(async (url) => {
  const source = await new DataSource(dataSourceOptions(url)).initialize();
  await source.runMigrations();
  const { upQueries, downQueries } = await source.driver.createSchemaBuilder().log();
  await source.destroy();
  if (upQueries.length === 0) {
    console.log('nothing to change');
    return;
  }
  const statements = (queries: { query: string }[]) => queries.map(({ query }) => `    await runner.query(${JSON.stringify(query)});`).join('\n');
  const className = `${name[0]!.toUpperCase()}${name.slice(1).replace(/[-_](\w)/g, (_, letter: string) => letter.toUpperCase())}${stamp}`;
  writeFileSync(`${DIRECTORY}/${stamp}-${name}.ts`, `import type { MigrationInterface, QueryRunner } from 'typeorm';

export class ${className} implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
${statements(upQueries)}
  }

  async down(runner: QueryRunner): Promise<void> {
${statements([...downQueries].reverse())}
  }
}
`);
  const files = readdirSync(DIRECTORY).filter((file) => /^\d+-.*\.ts$/.test(file)).sort();
  const classOf = (file: string) => {
    const [, number, rest] = /^(\d+)-(.*)\.ts$/.exec(file)!;
    return `${rest![0]!.toUpperCase()}${rest!.slice(1).replace(/[-_](\w)/g, (_, letter: string) => letter.toUpperCase())}${number}`;
  };
  writeFileSync(`${DIRECTORY}/index.ts`, [
    "import type { MigrationInterface } from 'typeorm';",
    ...files.map((file) => `import { ${classOf(file)} } from './${file.replace(/\.ts$/, '.js')}';`),
    '',
    '/** In order of age. */',
    `export const MIGRATIONS: (new () => MigrationInterface)[] = [${files.map(classOf).join(', ')}];`,
    '',
  ].join('\n'));
  console.log(`wrote ${DIRECTORY}/${stamp}-${name}.ts`);
});
