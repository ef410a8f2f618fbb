/**
 * `npm start`: embedded Postgres and Redis (unless DATABASE_URL / REDIS_URL are set), migrations, the two inference
 * runtimes, API and worker, each in a process of its own and started again when it ends. Data stays in TRIAD_HOME.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generateApiKey } from './auth/api-key.js';
import { environmentSchema } from './config/config.js';
import { migrate } from './database/data-source.js';
import { type EmbeddedService, freePort, isAlive, portIsFree, startEmbeddedPostgres } from './database/embedded-postgres.js';
import { startEmbeddedRedis } from './queue/embedded-redis.js';
import { Supervised } from './supervised.js';

interface Credentials {
  apiKey: string;
  secretKey: string;
}

/** Where a running service tells others of this machine about itself. */
export interface Running {
  pid: number;
  url: string;
  workerPid?: number;
}

const environment = environmentSchema.pick({
  TRIAD_HOME: true, TRIAD_HOST: true, TRIAD_PORT: true, TRIAD_PYTHON: true, TRIAD_TRAINER_DIR: true,
}).parse(Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== '')));
const home = environment.TRIAD_HOME;
const stateFile = join(home, 'running.json');
const log = (text: string) => console.log(text);

function fail(what: string, mend: string): never {
  console.error(`\n${what}\n  Mend: ${mend}`);
  process.exit(1);
}

/** Only one launcher may use a home: the file is created exclusively and names its process. */
function takeHome(): void {
  mkdirSync(home, { recursive: true });
  if (existsSync(stateFile)) {
    const { pid, url } = JSON.parse(readFileSync(stateFile, 'utf8')) as Running;
    if (isAlive(pid)) fail(`Triad already runs from ${home} (process ${pid}, ${url}).`, 'use it, or stop it with: npm run stop');
    rmSync(stateFile);
  }
  try {
    writeFileSync(stateFile, JSON.stringify({ pid: process.pid, url: '' }), { flag: 'wx' });
  } catch {
    fail(`Another start is under way in ${home}.`, 'wait for it, or set TRIAD_HOME to another directory.');
  }
}

function credentials(): Credentials {
  const file = join(home, 'credentials.json');
  if (!existsSync(file)) {
    const made: Credentials = { apiKey: process.env['TRIAD_BOOTSTRAP_KEY'] || generateApiKey(), secretKey: process.env['TRIAD_SECRET_KEY'] || randomBytes(32).toString('base64') };
    writeFileSync(file, JSON.stringify(made), { mode: 0o600 });
    log(`The first API key, an admin's of project "default", shown this once and kept in ${file}: ${made.apiKey}`);
  }
  return JSON.parse(readFileSync(file, 'utf8')) as Credentials;
}

takeHome();
const services: EmbeddedService[] = [];
const processes: Supervised[] = [];
let stopping = false;

async function stop(code: number): Promise<never> {
  if (stopping) return new Promise<never>(() => undefined);
  stopping = true;
  for (const each of processes.toReversed()) await each.stop();
  for (const each of services.toReversed()) await each.stop();
  rmSync(stateFile, { force: true });
  process.exit(code);
}
process.on('SIGINT', () => void stop(0));
process.on('SIGTERM', () => void stop(0));

async function embedded(name: string, start: Promise<EmbeddedService>): Promise<string> {
  const service = await start;
  services.push(service);
  void service.exited.then(() => {
    if (stopping) return;
    console.error(`The embedded ${name} ended; stopping everything. Data is kept.`);
    void stop(1);
  });
  return service.url;
}

const entry = (file: string): string[] => ['--enable-source-maps', fileURLToPath(new URL(file, import.meta.url))];

/** Here, because nobody else reaches an embedded Postgres. A secret that does not open is printed, and no reason not to start. */
function rotateSecrets(env: NodeJS.ProcessEnv): void {
  spawnSync(process.execPath, entry('rotate-secrets.js'), { env, stdio: 'inherit' });
}

async function start(): Promise<void> {
  const { TRIAD_HOST: host, TRIAD_PORT: port, TRIAD_PYTHON: python, TRIAD_TRAINER_DIR: trainer } = environment;
  if (port !== 0 && !(await portIsFree(port, host))) {
    rmSync(stateFile);
    fail(`Port ${port} on ${host} is taken by another program.`, `stop that program, or choose another port: TRIAD_PORT=${port + 1} npm start`);
  }
  const keys = credentials();
  const databaseUrl = process.env['DATABASE_URL'] || await embedded('Postgres', startEmbeddedPostgres(home));
  const redisUrl = process.env['REDIS_URL'] || await embedded('Redis', startEmbeddedRedis(home, python));
  await migrate(databaseUrl, process.env['TRIAD_TENANT_DATABASE_URL'] || undefined);

  const runtime = async (name: string, given: string | undefined): Promise<string> => {
    if (given) return given;
    const runtimePort = await freePort();
    const args = ['-m', 'triad_trainer.serve', '--host', '127.0.0.1', '--port', String(runtimePort), '--parent-pipe'];
    processes.push(new Supervised(name, python, args, { cwd: trainer, env: pythonEnvironment(), home }));
    return `http://127.0.0.1:${runtimePort}`;
  };
  const apiPort = port === 0 ? await freePort() : port;
  const url = `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${apiPort}`;
  const env = {
    ...process.env,
    DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, TRIAD_HOME: home, TRIAD_PORT: String(apiPort), TRIAD_INTERNAL_URL: url,
    TRIAD_BOOTSTRAP_KEY: keys.apiKey, TRIAD_SECRET_KEY: keys.secretKey,
    TRIAD_RUNTIME_URL: await runtime('runtime', process.env['TRIAD_RUNTIME_URL']),
    TRIAD_SCORER_URL: await runtime('scorer', process.env['TRIAD_SCORER_URL']),
    TRIAD_WARM_TRAINER: process.env['TRIAD_WARM_TRAINER'] || '1',
    TRIAD_ALLOW_PRIVATE_URLS: process.env['TRIAD_ALLOW_PRIVATE_URLS'] || (process.env['TRIAD_ENV'] === 'production' ? '0' : '1'),
  };
  if (process.env['TRIAD_SECRET_KEYS_OLD']) rotateSecrets(env);
  const api = new Supervised('api', process.execPath, ['--max-semi-space-size=32', ...entry('main.js')], { env, home });
  processes.push(api);
  await api.ready;
  const workerPort = process.env['TRIAD_WORKER_PORT'] || String(await freePort());
  const worker = new Supervised('worker', process.execPath, entry('worker.js'), { env: { ...env, TRIAD_WORKER_PORT: workerPort }, home });
  processes.push(worker);
  await Promise.all(processes.map((each) => each.ready));
  writeFileSync(stateFile, JSON.stringify({ pid: process.pid, url } satisfies Running));
  log(`Triad is ready: ${url}/graphql and ${url}/v1 (OpenAI-compatible)\n  API key: ${join(home, 'credentials.json')}\n  Metrics: ${url}/metrics, of the worker http://127.0.0.1:${workerPort}/metrics\n  Logs: ${resolve(home, 'logs')}\n  Stop: Ctrl-C or npm run stop`);
}

/** What the runtimes need of this process's environment, and no secret of it. */
function pythonEnvironment(): NodeJS.ProcessEnv {
  const kept = ['PATH', 'HOME', 'LANG', 'TMPDIR', 'CUDA_VISIBLE_DEVICES', 'LD_LIBRARY_PATH'];
  return { ...Object.fromEntries(kept.map((name) => [name, process.env[name]])), PYTHONUNBUFFERED: '1', OMP_WAIT_POLICY: 'PASSIVE', HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' };
}

await start().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return stop(1);
});
