import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = resolve('.');
const python = resolve(process.env['TRIAD_PYTHON'] ?? 'trainer/.venv/bin/python');

/** What a user sees of a command, and its exit code. */
function run(args: string[], options: { cwd?: string; env?: Record<string, string> } = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: options.cwd ?? root, encoding: 'utf8', env: { ...process.env, ...options.env } });
  return { status, output: stdout + stderr };
}

describe('set-up on a machine that lacks something', () => {
  let clone: string;
  beforeAll(() => {
    clone = mkdtempSync(join(tmpdir(), 'triad-clone-'));
    cpSync('scripts', join(clone, 'scripts'), { recursive: true });
    cpSync('package-lock.json', join(clone, 'package-lock.json'));
  });
  afterAll(() => rmSync(clone, { recursive: true }));

  it('names a missing Python and how to get it', () => {
    const { status, output } = run(['scripts/triad.mjs', 'demo'], { cwd: clone, env: { TRIAD_SETUP_PYTHON: 'python-that-is-not-there' } });
    expect(status).toBe(1);
    expect(output).toContain('No Python 3.11–3.13 with venv was found (tried python-that-is-not-there)');
    expect(output).toContain('Mend: install one');
    expect(output).not.toContain('    at '); // no stack
  });

  it('doctor pairs each finding with the command that mends it', () => {
    const { status, output } = run(['scripts/triad.mjs', 'doctor'], {
      cwd: clone, env: { TRIAD_SETUP_PYTHON: 'python-that-is-not-there', DATABASE_URL: 'postgres://127.0.0.1:9/x', REDIS_URL: 'nonsense', TRIAD_HOME: join(clone, 'home') },
    });
    expect(status).toBe(1);
    const lines = output.trim().split('\n');
    const unhappy = lines.filter((line) => /^[✗!]/.test(line));
    expect(unhappy.length).toBeGreaterThanOrEqual(5);
    for (const line of unhappy) expect(lines[lines.indexOf(line) + 1]).toMatch(/^ {4}mend: \S/);
    expect(output).toContain('nothing answers at DATABASE_URL');
    expect(output).toContain('REDIS_URL is not a URL');
  });

  it('refuses an unknown command', () => {
    expect(run(['scripts/triad.mjs', 'dance'])).toMatchObject({ status: 1, output: expect.stringContaining('Unknown command dance') });
  });
});

describe('npm start', () => {
  let home: string;
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'triad-home-'));
    chmodSync(home, 0o755); // an embedded Postgres of root's runs as another user, who must get in
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  const environment = (port: number) => ({ ...process.env, DATABASE_URL: '', REDIS_URL: '', TRIAD_HOME: home, TRIAD_PORT: String(port), TRIAD_PYTHON: python, TRIAD_WARM_TRAINER: '0' });

  async function start(port: number) {
    const launcher = spawn(process.execPath, ['dist/src/launcher.js'], { env: environment(port) });
    let output = '';
    const exited = once(launcher, 'exit').then(([code]) => code as number);
    const ready = new Promise<void>((done) => {
      for (const stream of [launcher.stdout, launcher.stderr]) {
        stream.on('data', (chunk: Buffer) => {
          output += chunk.toString();
          if (output.includes('Triad is ready')) done();
        });
      }
    });
    await Promise.race([ready, exited]);
    return { launcher, exited, output: () => output };
  }
  const apiKey = () => (JSON.parse(readFileSync(join(home, 'credentials.json'), 'utf8')) as { apiKey: string }).apiKey;
  const graphql = async (query: string) => {
    const { url } = JSON.parse(readFileSync(join(home, 'running.json'), 'utf8')) as { url: string };
    const response = await fetch(`${url}/graphql`, { method: 'POST', headers: { authorization: `Bearer ${apiKey()}`, 'content-type': 'application/json' }, body: JSON.stringify({ query }) });
    return (await response.json()) as { data: any };
  };

  it('says that a port is taken, and which command to use instead', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const { exited, output } = await start(port);
    expect(await exited).toBe(1);
    expect(output()).toContain(`Port ${port} on 127.0.0.1 is taken`);
    expect(output()).toContain(`TRIAD_PORT=${port + 1} npm start`);
    other.close();
  });

  it('keeps data between starts, refuses a second start, and comes back after kill -9', async () => {
    const first = await start(0);
    expect(first.output()).toContain('Triad is ready');
    expect(first.output().split(apiKey())).toHaveLength(2); // shown once
    await graphql('mutation { createPromptVersion(input: { name: "kept", messages: [{ role: user, content: "x" }], labels: ["production"] }) { id } }');
    const second = await start(0);
    expect(await second.exited).toBe(1);
    expect(second.output()).toContain('Triad already runs from');

    first.launcher.kill('SIGKILL'); // leaves the embedded servers behind
    await first.exited;
    const third = await start(0);
    expect(third.output()).not.toContain(apiKey());
    expect(await graphql('{ prompt(name: "kept") { version } }')).toEqual({ data: { prompt: { version: 1 } } });
    third.launcher.kill('SIGTERM');
    expect(await third.exited).toBe(0);
  });
});
