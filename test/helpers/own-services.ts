import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import { type EmbeddedService, isAlive, startEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { startEmbeddedRedis } from '../../src/queue/embedded-redis.js';

/** Postgres and Redis of a test's own, which it may stop, freeze and wipe. */
export interface OwnServices {
  postgresUrl: string;
  redisUrl: string;
  /** As `pg_ctl stop -m immediate`: no connection is ended in good order, and the next start recovers from the log. */
  stopPostgres(): Promise<void>;
  /** On the same port and data. Resolves when it answers. */
  startPostgres(): Promise<void>;
  freezeRedis(): void;
  thawRedis(): void;
  /** What a restart that lost its data is to clients: keys and scripts are gone, connections end. */
  wipeRedis(): Promise<void>;
  redis: Redis;
  stop(): Promise<void>;
}

export async function startOwnServices(home: string): Promise<OwnServices> {
  const postgres = await startEmbeddedPostgres(home);
  const server = await serverOf(postgres);
  const embeddedRedis = await startEmbeddedRedis(home, process.env['TRIAD_PYTHON'] ?? 'trainer/.venv/bin/python');
  const redis = new Redis(embeddedRedis.url, { maxRetriesPerRequest: null });
  redis.on('error', () => undefined);
  const redisPid = Number(/process_id:(\d+)/.exec(await redis.info('server'))![1]);
  return {
    postgresUrl: postgres.url,
    redisUrl: embeddedRedis.url,
    redis,
    stopPostgres: () => server.end('SIGQUIT'),
    startPostgres: () => server.start(),
    freezeRedis: () => void process.kill(redisPid, 'SIGSTOP'),
    thawRedis: () => void process.kill(redisPid, 'SIGCONT'),
    wipeRedis: async () => {
      await redis.multi().flushall().script('FLUSH').exec();
      await redis.client('KILL', 'TYPE', 'normal');
    },
    stop: async () => {
      process.kill(redisPid, 'SIGCONT');
      redis.disconnect();
      await embeddedRedis.stop();
      await server.end('SIGINT');
    },
  };
}

/** The server process, which can be ended and started again as it was. */
async function serverOf({ url }: EmbeddedService): Promise<{ end(signal: NodeJS.Signals): Promise<void>; start(): Promise<void> }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows: [row] } = await client.query<{ data_directory: string }>('SHOW data_directory');
  await client.end();
  const directory = row!.data_directory;
  const pidOf = () => Number.parseInt(readFileSync(join(directory, 'postmaster.pid'), 'utf8'), 10);
  let pid = pidOf();
  const [program, ...args] = execFileSync('ps', ['-p', String(pid), '-o', 'args='], { encoding: 'utf8' }).trim().split(/\s+/);
  const { uid, gid } = statSync(directory);
  return {
    end: async (signal) => {
      if (isAlive(pid)) process.kill(pid, signal);
      while (isAlive(pid)) await wait(20);
    },
    start: async () => {
      pid = spawn(program!, args, { ...(process.getuid?.() === 0 && { uid, gid }), cwd: '/', stdio: 'ignore', detached: true }).pid!;
      while (!(await answers(url))) await wait(20);
    },
  };
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  const answered = await client.connect().then(() => true, () => false);
  await client.end().catch(() => undefined);
  return answered;
}
