import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Config } from '../../config/config.js';
import { ProcessExecutor } from './process.executor.js';

const SECRETS = { DATABASE_URL: 'postgres://secret', REDIS_URL: 'redis://secret', TRIAD_SECRET_KEY: 'secret-key', TRIAD_BOOTSTRAP_KEY: 'secret-bootstrap', OPENAI_API_KEY: 'secret-openai', AWS_SECRET_ACCESS_KEY: 'secret-aws' };
const PLAIN = ['PATH', 'LANG', 'LC_ALL', 'TMPDIR', 'CUDA_VISIBLE_DEVICES', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'PYTHONUNBUFFERED', 'PYTHONHASHSEED', 'OMP_WAIT_POLICY', 'HF_HUB_OFFLINE', 'TOKENIZERS_PARALLELISM'];
/** What a shell sets by itself. */
const SHELL = ['PWD', 'OLDPWD', 'SHLVL', '_'];

/** Real child processes: shell scripts in the place of the trainer's Python. */
describe('process executor', () => {
  let directory: string;
  let executors: ProcessExecutor[];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'triad-executor-'));
    executors = [];
    for (const [name, value] of Object.entries(SECRETS)) vi.stubEnv(name, value);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await Promise.all(executors.map((executor) => executor.onModuleDestroy()));
    rmSync(directory, { recursive: true });
  });

  const executorOf = (script: string, warm = false) => {
    const path = join(directory, 'python');
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
    const executor = new ProcessExecutor({ TRIAD_PYTHON: path, TRIAD_TRAINER_DIR: directory, TRIAD_WARM_TRAINER: warm } as Config);
    executors.push(executor);
    return executor;
  };
  const signals = () => {
    const [stop, kill] = [new AbortController(), new AbortController()];
    return { stop, kill, given: { stop: stop.signal, kill: kill.signal } };
  };
  const written = (name: string) => readFileSync(join(directory, name), 'utf8');
  const until = (name: string) => vi.waitFor(() => written(name));

  it('gives a trainer nothing of the gateway\'s environment, and the token on standard input alone', async () => {
    const executor = executorOf('env > env; printf "%s\\n" "$@" > arguments; read -r line; printf "%s" "$line" > handover');
    expect(await executor.execute('/runs/spec.json', 'one-run-token', signals().given)).toEqual({ code: 0, signal: null, stderr: '' });
    const names = written('env').trim().split('\n').map((line) => line.split('=')[0]!);
    expect(names.filter((name) => ![...PLAIN, ...SHELL].includes(name))).toEqual([]);
    expect(written('env')).not.toMatch(/secret|one-run-token/);
    expect(written('arguments').trim().split('\n')).toEqual(['-m', 'triad_trainer', 'run', '-', '--stop-on-stdin-eof']);
    expect(JSON.parse(written('handover'))).toEqual({ spec: '/runs/spec.json', token: 'one-run-token' });
  });

  it('tells the exit status and the last hundred lines of standard error', async () => {
    const executor = executorOf('read -r line; i=0; while [ $i -lt 250 ]; do i=$((i+1)); echo "line $i" >&2; done; exit 21');
    const { code, stderr } = await executor.execute('x', 'y', signals().given);
    expect(code).toBe(21);
    expect(stderr.trim().split('\n')).toEqual(Array.from({ length: 100 }, (_, index) => `line ${151 + index}`));
  });

  it('asks a trainer to stop, and kills one that does not', async () => {
    const executor = executorOf('trap "exit 10" TERM; read -r line; echo > taken; while :; do read -r more || sleep 0.01; done');
    const { stop, given } = signals();
    const ended = executor.execute('x', 'y', given);
    await until('taken');
    stop.abort();
    expect(await ended).toMatchObject({ code: 10 });

    const deaf = executorOf('trap "" TERM; read -r line; echo > deaf; while :; do read -r more || sleep 0.01; done');
    const both = signals();
    const killed = deaf.execute('x', 'y', both.given);
    await until('deaf');
    both.stop.abort();
    both.kill.abort();
    expect(await killed).toMatchObject({ code: null, signal: 'SIGKILL' });
  });

  it('does not let a trainer work that is to stop before it starts', async () => {
    const { stop, given } = signals();
    stop.abort();
    expect(await executorOf('while :; do read -r more || sleep 0.01; done').execute('x', 'y', given)).toMatchObject({ code: null, signal: 'SIGTERM' });
  });

  it('keeps one trainer waiting, hands it the next spec and starts another', async () => {
    const executor = executorOf('echo $$ >> started; read -r line || exit 0; echo $$ >> worked', true);
    expect(await executor.keepWarm()).toBe(1);
    expect(await executor.keepWarm()).toBe(0);
    await until('started');
    await executor.execute('x', 'y', signals().given);
    await vi.waitFor(() => expect(written('started').trim().split('\n')).toHaveLength(2));
    expect(written('worked').trim()).toBe(written('started').split('\n')[0]);
    expect(await executor.keepWarm()).toBe(0);
  });

  it('says what to look at when there is no such Python', async () => {
    const executor = new ProcessExecutor({ TRIAD_PYTHON: join(directory, 'absent'), TRIAD_TRAINER_DIR: directory, TRIAD_WARM_TRAINER: false } as Config);
    await expect(executor.execute('x', 'y', signals().given)).rejects.toThrow(/cannot be started.*ENOENT.*TRIAD_PYTHON/);
  });
});
