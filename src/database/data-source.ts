import { DataSource, type DataSourceOptions } from 'typeorm';
import { watchTables } from './audit-triggers.js';
import { ENTITIES } from './entities.js';
import { MIGRATIONS } from './migrations/index.js';
import { SnakeNaming } from './naming.js';
import { secureTenants, tenantRole } from './tenant-role.js';

/** Options shared by the service, the migration command and the tests. The schema changes by migrations only. */
export function dataSourceOptions(url: string, poolSize = 2): DataSourceOptions {
  return {
    type: 'postgres',
    url,
    applicationName: 'triad',
    entities: ENTITIES,
    migrations: MIGRATIONS,
    migrationsTableName: 'migrations',
    namingStrategy: new SnakeNaming(),
    synchronize: false,
    poolSize,
    connectTimeoutMS: 10_000,
  };
}

/**
 * Brings a database to the newest schema, with the role that tenants' work runs as; safe to call from several processes at once.
 * @param tenantUrl TRIAD_TENANT_DATABASE_URL
 */
export async function migrate(url: string, tenantUrl?: string): Promise<void> {
  const source = await new DataSource(dataSourceOptions(url)).initialize();
  try {
    await source.query('SELECT pg_advisory_lock(7414)');
    await source.runMigrations({ transaction: 'all' });
    await watchTables(source);
    await secureTenants(source, tenantRole(url, tenantUrl));
  } finally {
    await source.destroy();
  }
}
