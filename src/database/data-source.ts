import { DataSource, type DataSourceOptions } from 'typeorm';
import { loadConfig } from '../config/config.js';
import { ENTITIES } from './entities.js';
import { MIGRATIONS } from './migrations/index.js';
import { SnakeNaming } from './naming.js';

/** Options shared by the service, the migration command and the tests. The schema changes by migrations only. */
export function dataSourceOptions(url: string): DataSourceOptions {
  return {
    type: 'postgres',
    url,
    applicationName: 'triad',
    entities: ENTITIES,
    migrations: MIGRATIONS,
    migrationsTableName: 'migrations',
    namingStrategy: new SnakeNaming(),
    synchronize: false,
    poolSize: 20,
    connectTimeoutMS: 10_000,
  };
}

/** Brings a database to the newest schema; safe to call from several processes at once. */
export async function migrate(url: string): Promise<void> {
  const source = await new DataSource(dataSourceOptions(url)).initialize();
  try {
    await source.query('SELECT pg_advisory_lock(7414)');
    await source.runMigrations({ transaction: 'all' });
  } finally {
    await source.destroy();
  }
}

export const configuredDataSource = () => new DataSource(dataSourceOptions(loadConfig().DATABASE_URL));
