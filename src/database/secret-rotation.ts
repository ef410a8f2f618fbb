import type { DataSource, EntityMetadata } from 'typeorm';
import { currentPrefix, rewrapSecret, type SecretColumn, type SecretKeys, type SecretPlace } from '../common/secrets.js';

const BATCH = 100;

interface SecretRow {
  id: string;
  projectId: string;
  stored: string;
}

export interface RotationReport {
  /** Secrets that were wrapped anew. */
  rewrapped: number;
  /** Secrets that no key at hand opens, as `<column> of <row>: <why>`; they are left as they are. */
  unreadable: string[];
}

/**
 * Every column that holds secrets: those with `encrypted` among the words of their name, in the table of any entity.
 * @throws Error for a table whose rows do not say their `id` and `project_id`, by which their secrets are bound.
 */
export function secretColumns(source: DataSource): SecretColumn[] {
  const named = (entity: EntityMetadata) => entity.columns.map((column) => column.databaseName);
  return source.entityMetadatas.flatMap((entity) => named(entity).filter((name) => name.split('_').includes('encrypted')).map((name) => {
    if (!named(entity).includes('id') || !named(entity).includes('project_id')) throw new Error(`${entity.tableName}.${name} cannot hold secrets: the table lacks id or project_id`);
    return `${entity.tableName}.${name}` as SecretColumn;
  }));
}

/** Names of table and column, quoted. They come from the entities. */
const quoted = (column: SecretColumn): string[] => column.split('.').map((name) => `"${name}"`);

/** How many secrets of a column are not under the current key. */
export async function countOutdated(source: DataSource, keys: SecretKeys, column: SecretColumn): Promise<number> {
  const [table, name] = quoted(column);
  const [row] = await source.query<{ count: number }[]>(`SELECT count(*)::int AS count FROM ${table} WHERE NOT starts_with(${name}, $1)`, [currentPrefix(keys)]);
  return row!.count;
}

/**
 * Wraps every secret of a column under the current key. Each row is a transaction of its own, conditional on what was
 * read: a secret that is written meanwhile stays as it was written, and is looked at again. May be killed at any time,
 * run again, and run beside itself and the service.
 */
export async function rotateColumn(source: DataSource, keys: SecretKeys, column: SecretColumn): Promise<RotationReport> {
  const report: RotationReport = { rewrapped: 0, unreadable: [] };
  for (let changedMeanwhile = true; changedMeanwhile;) {
    changedMeanwhile = false;
    report.unreadable = [];
    for await (const row of outdated(source, keys, column)) {
      const place: SecretPlace = { column, projectId: row.projectId, id: row.id };
      let anew: string;
      try {
        anew = rewrapSecret(keys, place, row.stored);
      } catch (error) {
        report.unreadable.push(`${column} of ${row.id}: ${(error as Error).message}`);
        continue;
      }
      const replaced = await replace(source, place, row.stored, anew);
      report.rewrapped += Number(replaced);
      changedMeanwhile ||= !replaced;
    }
  }
  return report;
}

async function* outdated(source: DataSource, keys: SecretKeys, column: SecretColumn): AsyncGenerator<SecretRow> {
  const [table, name] = quoted(column);
  for (let after = ''; ;) {
    const rows = await source.query<SecretRow[]>(
      `SELECT id, project_id AS "projectId", ${name} AS stored FROM ${table} WHERE id > $1 AND NOT starts_with(${name}, $2) ORDER BY id LIMIT ${BATCH}`,
      [after, currentPrefix(keys)]);
    yield* rows;
    if (rows.length < BATCH) return;
    after = rows.at(-1)!.id;
  }
}

async function replace(source: DataSource, { column, projectId, id }: SecretPlace, before: string, after: string): Promise<boolean> {
  const [table, name] = quoted(column);
  const [, affected] = await source.query<[unknown[], number]>(
    `UPDATE ${table} SET ${name} = $1 WHERE id = $2 AND project_id = $3 AND ${name} = $4`, [after, id, projectId, before]);
  return affected === 1;
}
