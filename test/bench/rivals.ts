import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { freePort } from '../../src/database/embedded-postgres.js';

/** A gateway beside ours, in a process of its own in front of the given upstream. */
export interface Rival {
  url: string;
  pid: number;
  /** What its calls carry, and what they name as the model. */
  headers: Record<string, string>;
  model: string;
  stop(): Promise<void>;
}

const LOCKS = 'test/bench/rivals';
const KEY = 'sk-bench';
const START_LIMIT_MS = 120_000;

/** Portkey's gateway from npm, as its documentation runs it with Node. @param folder where it is kept */
export async function startPortkey(folder: string, upstream: string): Promise<Rival> {
  const home = join(folder, 'portkey');
  installOnce(home, join(LOCKS, 'package-lock.json'), () => {
    for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(LOCKS, file), join(home, file));
    run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error'], home);
  });
  const port = await freePort();
  const child = spawn(process.execPath, [join(home, 'node_modules/@portkey-ai/gateway/build/start-server.js'), '--headless', `--port=${port}`], { env: { ...environment(), NODE_ENV: 'production' }, stdio: 'ignore' });
  const headers = { authorization: `Bearer ${KEY}`, 'x-portkey-provider': 'openai', 'x-portkey-custom-host': `${upstream}/v1` };
  return started(child, { url: `http://127.0.0.1:${port}`, headers, model: 'fake' });
}

/** LiteLLM's proxy from PyPI with one worker; its one key is the master key of its configuration. @param folder where it is kept */
export async function startLitellm(folder: string, upstream: string): Promise<Rival> {
  const home = join(folder, 'litellm');
  const python = join(home, 'bin', 'python');
  const lock = join(LOCKS, 'litellm.lock');
  installOnce(home, lock, () => {
    run(pythonOfLock(), ['-m', 'venv', home]);
    run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '--require-hashes', '-r', lock]);
  });
  const port = await freePort();
  const config = join(home, 'config.json'); // JSON is YAML
  writeFileSync(config, JSON.stringify({
    model_list: [{ model_name: 'fake', litellm_params: { model: 'openai/fake', api_base: `${upstream}/v1`, api_key: KEY } }],
    general_settings: { master_key: KEY },
    litellm_settings: { telemetry: false },
  }));
  const child = spawn(join(home, 'bin', 'litellm'), ['--config', config, '--host', '127.0.0.1', '--port', String(port), '--num_workers', '1', '--telemetry', 'False'],
    { env: { ...environment(), LITELLM_LOCAL_MODEL_COST_MAP: 'True', LITELLM_LOG: 'ERROR' }, stdio: 'ignore' });
  return started(child, { url: `http://127.0.0.1:${port}`, headers: { authorization: `Bearer ${KEY}` }, model: 'fake' });
}

/** Nothing of our own services: a rival would take DATABASE_URL for its own. */
const environment = (): NodeJS.ProcessEnv => Object.fromEntries(['PATH', 'HOME', 'LANG', 'TMPDIR'].map((name) => [name, process.env[name]]));

/** The lock holds wheels of one Python only. */
function pythonOfLock(): string {
  const names = [process.env['TRIAD_PYTHON'], 'python3.11', 'python3'].filter((name) => name !== undefined);
  const found = names.find((name) => spawnSync(name, ['-c', 'import sys, venv; sys.exit(sys.version_info[:2] != (3, 11))']).status === 0);
  if (!found) throw new Error(`LiteLLM's lock is for Python 3.11, and none was found (tried ${names.join(', ')}).`);
  return found;
}

/** Installs what a lock names unless that was done before. */
function installOnce(home: string, lock: string, install: () => void): void {
  const stamp = join(home, '.lock');
  const digest = createHash('sha256').update(readFileSync(lock)).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  console.log(`  … installing what ${lock} names`);
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  install();
  writeFileSync(stamp, digest);
}

function run(command: string, args: string[], cwd?: string): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8', ...(cwd && { cwd }) });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${String(status)}: ${error?.message ?? stderr.slice(-2000)}`);
}

/** Waits for its first answer. */
async function started(child: ChildProcess, rival: Pick<Rival, 'url' | 'headers' | 'model'>): Promise<Rival> {
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await Promise.race([ended, wait(5_000, undefined, { ref: false }).then(() => child.kill('SIGKILL'))]);
    await ended;
  };
  const body = JSON.stringify({ model: rival.model, messages: [{ role: 'user', content: 'are you there?' }] });
  const deadline = performance.now() + START_LIMIT_MS;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${child.spawnargs.join(' ')} ended with ${child.exitCode}.`);
    const answer = await fetch(`${rival.url}/v1/chat/completions`, { method: 'POST', headers: { ...rival.headers, 'content-type': 'application/json' }, body }).catch(() => null);
    if (answer?.ok) return { ...rival, pid: child.pid!, stop };
    if (performance.now() > deadline) {
      await stop();
      throw new Error(`${child.spawnargs.join(' ')} did not answer a completion within ${START_LIMIT_MS / 1000} s (status ${String(answer?.status)}).`);
    }
    await wait(200);
  }
}
