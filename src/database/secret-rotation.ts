import type { DataSource, EntityMetadata } from 'typeorm';
import { currentPrefix, rewrapSecret, type SecretColumn, type SecretKeys, type SecretPlace } from '../common/secrets.js';

const BATCH = 100;

interface SecretRow {
  projectId: string;
  id: string;
  stored: string;
}

/** A column that holds secrets, and how its rows are named: by project and one more column. */
export interface SecretStore {
  column: SecretColumn;
  /** Quoted, as all names here. They come from the entities. */
  table: string;
  id: string;
  secret: string;
}

export interface RotationReport {
  /** Secrets that were wrapped anew. */
  rewrapped: number;
  /** Secrets that no key at hand opens, as `<column> of <row>: <why>`; they are left as they are. */
  unreadable: string[];
}

/**
 * Every column that holds secrets: those with `encrypted` among the words of their name, in the table of any entity.
 * @throws Error for a table whose rows are not named by one column beside `project_id`: their secrets could not be bound to them.
 */
export function secretStores(source: DataSource): SecretStore[] {
  return source.entityMetadatas.flatMap((entity) => entity.columns.map((column) => column.databaseName)
    .filter((name) => name.split('_').includes('encrypted'))
    .map((name) => ({ column: `${entity.tableName}.${name}` as SecretColumn, table: `"${entity.tableName}"`, id: `"${idOf(entity)}"`, secret: `"${name}"` })));
}

function idOf(entity: EntityMetadata): string {
  const [id, ...others] = entity.primaryColumns.map((column) => column.databaseName).filter((name) => name !== 'project_id');
  const hasProject = entity.columns.some((column) => column.databaseName === 'project_id');
  if (id === undefined || others.length > 0 || !hasProject) throw new Error(`${entity.tableName} cannot hold secrets: its rows must have project_id and one other column that names them`);
  return id;
}

/** How many secrets of a column are not under the current key. */
export async function countOutdated(source: DataSource, keys: SecretKeys, { table, secret }: SecretStore): Promise<number> {
  const [row] = await source.query<{ count: number }[]>(`SELECT count(*)::int AS count FROM ${table} WHERE NOT starts_with(${secret}, $1)`, [currentPrefix(keys)]);
  return row!.count;
}

/**
 * Wraps every secret of a column under the current key. Each row is a transaction of its own, conditional on what was
 * read: a secret that is written meanwhile stays as it was written, and is looked at again. May be killed at any time,
 * run again, and run beside itself and the service.
 */
export async function rotateStore(source: DataSource, keys: SecretKeys, store: SecretStore): Promise<RotationReport> {
  const report: RotationReport = { rewrapped: 0, unreadable: [] };
  for (let changedMeanwhile = true; changedMeanwhile;) {
    changedMeanwhile = false;
    report.unreadable = [];
    for await (const row of outdated(source, keys, store)) {
      const place: SecretPlace = { column: store.column, projectId: row.projectId, id: row.id };
      let anew: string;
      try {
        anew = rewrapSecret(keys, place, row.stored);
      } catch (error) {
        report.unreadable.push(`${store.column} of ${row.id}: ${(error as Error).message}`);
        continue;
      }
      const replaced = await replace(source, store, row, anew);
      report.rewrapped += Number(replaced);
      changedMeanwhile ||= !replaced;
    }
  }
  return report;
}

async function* outdated(source: DataSource, keys: SecretKeys, { table, id, secret }: SecretStore): AsyncGenerator<SecretRow> {
  let after: Pick<SecretRow, 'projectId' | 'id'> = { projectId: '', id: '' };
  for (;;) {
    const rows = await source.query<SecretRow[]>(
      `SELECT project_id AS "projectId", ${id} AS id, ${secret} AS stored FROM ${table}
       WHERE (project_id, ${id}) > ($1, $2) AND NOT starts_with(${secret}, $3) ORDER BY project_id, ${id} LIMIT ${BATCH}`,
      [after.projectId, after.id, currentPrefix(keys)]);
    yield* rows;
    if (rows.length < BATCH) return;
    after = rows.at(-1)!;
  }
}

async function replace(source: DataSource, { table, id, secret }: SecretStore, row: SecretRow, anew: string): Promise<boolean> {
  const [, affected] = await source.query<[unknown[], number]>(
    `UPDATE ${table} SET ${secret} = $1 WHERE project_id = $2 AND ${id} = $3 AND ${secret} = $4`, [anew, row.projectId, row.id, row.stored]);
  return affected === 1;
}
