import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** Runs statements on the server's maintenance connection. */
async function administer(serverUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

const withName = (serverUrl: string, name: string) => {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.toString();
};

/** Creates an empty database (or a copy of `template`) on the server of DATABASE_URL. */
export async function createScratchDatabase(serverUrl: string, template?: string): Promise<{ url: string; name: string; drop(): Promise<void> }> {
  const name = `triad_scratch_${randomBytes(6).toString('hex')}`;
  await administer(serverUrl, `CREATE DATABASE ${name}${template ? ` TEMPLATE ${template}` : ''}`);
  return { url: withName(serverUrl, name), name, drop: () => administer(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

/** @throws Error when DATABASE_URL is not set. */
export async function withScratchDatabase(work: (url: string) => Promise<void>): Promise<void> {
  const server = process.env['DATABASE_URL'];
  if (!server) throw new Error('Set DATABASE_URL to a Postgres where a scratch database may be made, such as the embedded one that `npm start` prints.');
  const database = await createScratchDatabase(server);
  try {
    await work(database.url);
  } finally {
    await database.drop();
  }
}
