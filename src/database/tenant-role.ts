import { createHmac } from 'node:crypto';
import pg from 'pg';
import type { DataSource } from 'typeorm';

/**
 * The Postgres role that tenants' work runs as. It owns nothing and cannot pass row-level security: it sees only rows of
 * the project that its connection was told, and none before that.
 */
export interface TenantRole {
  /** Where it logs in. */
  url: string;
  name: string;
  /** Null where the server lets it in without one (trust, certificates). */
  password: string | null;
}

/** Rows of these may be added and read, never changed. */
const APPEND_ONLY = ['audit_entries', 'audit_changes'];

/**
 * Unless TRIAD_TENANT_DATABASE_URL names another: `<owner>_tenant`, with a password derived from the owner's (HMAC-SHA256),
 * so that every process knows it and none has to keep it.
 */
export function tenantRole(ownerUrl: string, tenantUrl?: string): TenantRole {
  const url = new URL(tenantUrl ?? ownerUrl);
  if (tenantUrl === undefined) {
    const name = `${decodeURIComponent(url.username) || 'triad'}_tenant`;
    const key = decodeURIComponent(url.password);
    url.username = encodeURIComponent(name);
    url.password = key && createHmac('sha256', key).update(`triad tenant role ${name}`).digest('base64url');
  }
  return { url: url.toString(), name: decodeURIComponent(url.username), password: decodeURIComponent(url.password) || null };
}

/**
 * Makes the role where it is missing, opens to it the tables of tenants, and puts each of those under row-level security.
 * Idempotent; runs as the owner, after the migrations.
 * @throws Error with the statement to run by hand when the owner may not create roles.
 */
export async function secureTenants(source: DataSource, role: TenantRole): Promise<void> {
  await ensureRole(source, role);
  const [{ name, database }] = await source.query<[{ name: string; database: string }]>('SELECT quote_ident($1) AS name, quote_ident(current_database()) AS database', [role.name]);
  await source.query(`GRANT CONNECT ON DATABASE ${database} TO ${name}`);
  await source.query(`GRANT USAGE ON SCHEMA public TO ${name}`);
  for (const { table, column, secured } of await tenantTables(source)) {
    const rights = column === 'id' ? 'SELECT' : APPEND_ONLY.includes(table) ? 'SELECT, INSERT' : 'SELECT, INSERT, UPDATE, DELETE';
    await source.query(`GRANT ${rights} ON "${table}" TO ${name}`);
    if (secured) continue;
    await source.query(`ALTER TABLE "${table}" ENABLE ROW LEVEL SECURITY`);
    await source.query(`CREATE POLICY tenant ON "${table}" USING ("${column}" = (SELECT current_setting('triad.project_id', true)))`);
  }
}

/** Every table with a project_id, and the projects themselves. */
function tenantTables(source: DataSource): Promise<{ table: string; column: string; secured: boolean }[]> {
  return source.query(`
    SELECT c.relname AS "table", a.attname AS "column", EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant') AS secured
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
      AND (a.attname = 'project_id' OR c.relname = 'projects' AND a.attname = 'id')`);
}

async function ensureRole(source: DataSource, { name, password, url }: TenantRole): Promise<void> {
  const [{ create, alter }] = await source.query<[{ create: string; alter: string }]>(
    `SELECT format('CREATE ROLE %I LOGIN NOINHERIT PASSWORD %L', $1::text, $2::text) AS create, format('ALTER ROLE %I LOGIN PASSWORD %L', $1::text, $2::text) AS alter`, [name, password]);
  const [role] = await source.query<unknown[]>('SELECT FROM pg_roles WHERE rolname = $1', [name]);
  if (!role) {
    // Roles are the server's, not the database's: another database's migration may make it at the same moment.
    await source.query(`DO $do$ BEGIN ${create}; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $do$`).catch((error: unknown) => {
      throw new Error(`The Postgres role ${name}, which tenants' work runs as, is missing and could not be made: ${(error as Error).message}. Mend: as a superuser run CREATE ROLE "${name}" LOGIN PASSWORD '…' and set TRIAD_TENANT_DATABASE_URL.`);
    });
  }
  await assertBound(source, name);
  if (password !== null && !(await canLogIn(url))) await source.query(alter);
}

/**
 * Looks at a role, or at the one that the source is logged in as.
 * @throws Error when row-level security does not bind it.
 */
export async function assertBound(source: DataSource, role: string | null = null): Promise<void> {
  const [found] = await source.query<{ name: string; unbound: boolean }[]>(`
    SELECT r.rolname AS name, r.rolsuper OR r.rolbypassrls OR EXISTS (
      SELECT FROM pg_class c WHERE c.oid = to_regclass('public.projects') AND pg_has_role(r.oid, c.relowner, 'MEMBER')) AS unbound
    FROM pg_roles r WHERE r.rolname = coalesce($1, current_user)`, [role]);
  if (found?.unbound) {
    throw new Error(`The Postgres role ${found.name}, which tenants' work runs as, would see every tenant's rows: it owns the tables, may act as their owner, is a superuser or has BYPASSRLS. Mend: name an ordinary role in TRIAD_TENANT_DATABASE_URL.`);
  }
}

async function canLogIn(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  try {
    await client.connect();
    return true;
  } catch (error) {
    // A role that may not yet CONNECT to this database has logged in well.
    return (error as { code?: string }).code === '42501';
  } finally {
    await client.end().catch(() => undefined);
  }
}
