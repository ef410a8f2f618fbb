import pg from 'pg';

const ID = /\b[a-z]+_[0-9a-hjkmnp-tv-z]{26}\b/g;
const REQUEST = /\b(?:req-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g;
const TIME = /\b\d{4}-\d\d-\d\dT[\d:.]+Z/g;
/** Columns that reading changes. */
const VOLATILE = "ARRAY['last_used_at']";
const CURSOR = /(?<=[cC]ursor\W{3,5})[\w-]+(?=\W*")/g;

/** Connects as the owner of the tables, who sees every tenant. */
export async function connectOwner(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: process.env['DATABASE_URL']! });
  await client.connect();
  return client;
}

/** Tables that hold rows of tenants. */
export async function tenantTables(owner: pg.Client): Promise<string[]> {
  const { rows } = await owner.query<{ name: string }>(
    `SELECT DISTINCT c.table_name AS name FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
      WHERE c.table_schema = 'public' AND c.column_name = 'project_id' AND t.table_type = 'BASE TABLE' ORDER BY 1`);
  return rows.map(({ name }) => name);
}

/** Table → a checksum of all that the project has in it. */
export async function checksums(owner: pg.Client, projectId: string): Promise<Record<string, string>> {
  const sum = (table: string) => `SELECT '${table}' AS table, count(*) || ' rows, md5 ' || md5(coalesce(string_agg(row, E'\\n' ORDER BY row), '')) AS sum
    FROM (SELECT (to_jsonb(t) - ${VOLATILE})::text AS row FROM "${table}" t WHERE project_id = $1) rows`;
  const { rows } = await owner.query<{ table: string; sum: string }>((await tenantTables(owner)).map(sum).join(' UNION ALL '), [projectId]);
  return Object.fromEntries(rows.map(({ table, sum: each }) => [table, each]));
}

/** Ids of what the project has, and every text of its rows that holds its marker. */
export async function secretsOf(owner: pg.Client, projectId: string, marker: string): Promise<Set<string>> {
  const found = new Set<string>();
  const read = (value: unknown): void => {
    if (typeof value === 'string' && (value.includes(marker) || value.match(ID)?.[0] === value)) found.add(value);
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(read);
  };
  for (const table of await tenantTables(owner)) {
    (await owner.query<{ row: unknown }>(`SELECT to_jsonb(t) AS row FROM "${table}" t WHERE project_id = $1`, [projectId])).rows.forEach(({ row }) => read(row));
  }
  return found;
}

const otherEnd = (id: string) => `${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}`;

/** Never-existing things of the same shape: each id with another last letter, each marker with another end; in cursors too. */
export function twin<T>(value: T, marker: string): T {
  const text = (given: string): string => given.replaceAll(marker, `${marker.slice(0, -1)}x`).replace(ID, otherEnd).replace(REQUEST, otherEnd);
  const opaque = (given: string): string => {
    const key = Buffer.from(given, 'base64url').toString();
    return Buffer.from(key).toString('base64url') === given && (key.match(ID) ?? key.includes(marker)) ? Buffer.from(text(key)).toString('base64url') : text(given);
  };
  const walk = (given: unknown): unknown => {
    if (typeof given === 'string') return opaque(given);
    if (Array.isArray(given)) return given.map(walk);
    if (typeof given === 'object' && given !== null) return Object.fromEntries(Object.entries(given).map(([key, each]) => [key, walk(each)]));
    return given;
  };
  return walk(value) as T;
}

/** An answer without what differs from call to call: ids, markers, request ids, times and cursors. */
export const normalise = (answer: string, markers: string[]): string =>
  markers.reduce((text, marker) => text.replaceAll(marker, '<tenant>'), answer).replace(ID, '<id>').replace(REQUEST, '<request>').replace(TIME, '<time>').replace(CURSOR, '<cursor>');
