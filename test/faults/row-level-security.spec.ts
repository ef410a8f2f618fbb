import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../src/database/database.js';
import { tenantRole } from '../../src/database/tenant-role.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { type OpenAiFake, startOpenAiFake } from '../helpers/openai-fake.js';
import { connectOwner, tenantTables } from '../helpers/tenant-rows.js';
import { makeWorld, servedNames, withKey, type World } from '../helpers/tenant-world.js';

/** Tables that are no tenant's, which its role may not touch. */
const PLATFORM_TABLES = ['migrations'];

describe('#24 a query that forgets its tenant', () => {
  let fake: OpenAiFake;
  let gateway: Gateway;
  let owner: pg.Client;
  let role: string;
  let [own, other]: World[] = [];
  let tables: string[];

  beforeAll(async () => {
    fake = await startOpenAiFake({ served: servedNames(['tenanta', 'tenantb']) });
    gateway = await startGateway({ env: { TRIAD_RUNTIME_URL: fake.url.replace('/v1', '') } });
    own = await makeWorld(gateway, 'tenanta', fake.url);
    other = await makeWorld(withKey(gateway, gateway.otherKey), 'tenantb', fake.url);
    owner = await connectOwner();
    tables = [...await tenantTables(owner), 'projects'];
    role = tenantRole(process.env['DATABASE_URL']!).name;
  });
  afterAll(async () => {
    await owner.end();
    await gateway.stop();
    await fake.stop();
  });

  const rowsOf = async <T extends pg.QueryResultRow>(query: string, values: unknown[] = []): Promise<T[]> => (await owner.query<T>(query, values)).rows;
  const count = async (query: (sql: string) => Promise<unknown>, table: string): Promise<number> => Number((await query(`SELECT count(*) FROM "${table}"`) as { count: string }[])[0]!.count);

  it('does not start as a role that row-level security does not bind', async () => {
    const DATABASE_URL = process.env['DATABASE_URL']!;
    await expect(Database.connect({ DATABASE_URL, TRIAD_TENANT_DATABASE_URL: DATABASE_URL })).rejects.toThrow('would see every tenant');
  });

  it('runs as a role that cannot pass row-level security', async () => {
    expect(await rowsOf(
      `SELECT rolsuper, rolbypassrls, rolcreaterole, rolreplication, (SELECT count(*)::int FROM pg_auth_members m WHERE m.member = r.oid) AS memberships,
              (SELECT count(*)::int FROM pg_class c WHERE c.relowner = r.oid) AS owned
         FROM pg_roles r WHERE rolname = $1`, [role]))
      .toEqual([{ rolsuper: false, rolbypassrls: false, rolcreaterole: false, rolreplication: false, memberships: 0, owned: 0 }]);
  });

  it('meets a policy on every table of tenants, and no rights on any other', async () => {
    const found = await rowsOf<{ table: string; secured: boolean; policies: number; may: boolean }>(
      `SELECT c.relname AS "table", c.relrowsecurity AS secured, (SELECT count(*)::int FROM pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive) AS policies,
              has_table_privilege($1, c.oid, 'SELECT') OR has_table_privilege($1, c.oid, 'INSERT') OR has_table_privilege($1, c.oid, 'UPDATE') OR has_table_privilege($1, c.oid, 'DELETE') AS may
         FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`, [role]);
    expect(found.filter(({ table }) => tables.includes(table)).filter(({ secured, policies }) => !secured || policies !== 1)).toEqual([]);
    const others = found.filter(({ table }) => !tables.includes(table));
    expect(others.map(({ table }) => table), 'A table of tenants needs a column project_id').toEqual(PLATFORM_TABLES);
    expect(others.filter(({ may }) => may)).toEqual([]);
  });

  it('finds nothing before it has said whose rows, nor on a connection that another tenant has used', async () => {
    const database = gateway.app.get(Database);
    const pool = new pg.Pool({ connectionString: tenantRole(process.env['DATABASE_URL']!).url, max: 1 });
    for (const table of tables) {
      expect(await count(async (sql) => (await pool.query(sql)).rows, table), table).toBe(0);
      // More at once than the pool has connections, so that each has served the tenant.
      await Promise.all(Array.from({ length: 40 }, () => database.manager(own!.ctx).query('SELECT 1')));
      expect(await Promise.all(Array.from({ length: 40 }, () => count((sql) => database.nobody.query(sql), table))), table).toEqual(Array.from({ length: 40 }, () => 0));
    }
    await pool.end();
  });

  it('finds one\'s own rows only, in every table, and can neither add to another\'s nor move rows there', async () => {
    const database = gateway.app.get(Database);
    const filled: string[] = [];
    for (const table of tables) {
      const column = table === 'projects' ? 'id' : 'project_id';
      const [{ mine, theirs }] = await rowsOf<{ mine: number; theirs: number }>(
        `SELECT count(*) FILTER (WHERE "${column}" = $1)::int AS mine, count(*) FILTER (WHERE "${column}" = $2)::int AS theirs FROM "${table}"`, [own!.ctx.projectId, other!.ctx.projectId]) as [{ mine: number; theirs: number }];
      if (theirs > 0) filled.push(table);
      expect(await count((sql) => database.manager(own!.ctx).query(sql), table), table).toBe(mine);
    }
    expect(tables.filter((table) => !filled.includes(table)), 'makeWorld leaves these empty').toEqual([]);
    const write = (sql: string, values: unknown[]) => database.manager(own!.ctx).query(sql, values);
    const alien = expect.objectContaining({ message: expect.stringContaining('row-level security') });
    await expect(write('INSERT INTO providers (id, project_id, name, base_url) VALUES (\'prov_x\', $1, \'x\', \'x\')', [other!.ctx.projectId])).rejects.toEqual(alien);
    await expect(write('UPDATE providers SET project_id = $1', [other!.ctx.projectId])).rejects.toEqual(alien);
    expect((await database.manager(own!.ctx).query<[unknown[], number]>('DELETE FROM prompt_labels WHERE project_id = $1', [other!.ctx.projectId]))[1]).toBe(0);
  });
});
