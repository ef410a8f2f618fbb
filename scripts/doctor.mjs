// `npm run doctor`: what this machine has and lacks; each finding is paired with the command that mends it.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { checkNode, checkPlatform, findPython, home, root, SetupError, venvPython } from './setup.mjs';

const ok = (what) => ({ state: 'ok', what });
const warn = (what, mend) => ({ state: 'warn', what, mend });
const bad = (what, mend) => ({ state: 'bad', what, mend });

/** A check of setup.mjs that throws, as a finding. */
function tried(what, check) {
  try {
    const detail = check();
    return ok(detail ? `${what}: ${detail}` : what);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    const [finding, mend] = error.message.split('\n  Mend: ');
    return bad(finding, mend);
  }
}

function portFree(port, host) {
  return new Promise((done) => {
    const server = createServer().once('error', () => done(false)).listen(port, host, () => server.close(() => done(true)));
  });
}

function reachable(url) {
  const { hostname, port, protocol } = new URL(url);
  return new Promise((done) => {
    const socket = connect({ host: hostname, port: Number(port || (protocol.startsWith('redis') ? 6379 : 5432)), timeout: 3000 });
    socket.once('connect', () => { socket.destroy(); done(true); });
    for (const event of ['error', 'timeout']) socket.once(event, () => { socket.destroy(); done(false); });
  });
}

async function service(name, variable) {
  const url = process.env[variable];
  if (!url) return ok(`${name}: embedded (${variable} is not set)`);
  try {
    return (await reachable(url)) ? ok(`${name}: ${variable} answers`) : bad(`${name}: nothing answers at ${variable} (${new URL(url).host})`, `start it, or run without it: unset ${variable}`);
  } catch {
    return bad(`${name}: ${variable} is not a URL`, `export ${variable}=${variable === 'DATABASE_URL' ? 'postgres://user:password@host:5432/triad' : 'redis://host:6379'}`);
  }
}

function python() {
  if (!existsSync(venvPython)) return warn('Python environment: not made yet', 'npm run setup');
  const probe = spawnSync(venvPython, ['-c', 'import torch, transformers, trl, peft; print(torch.__version__, "GPU" if torch.cuda.is_available() else "CPU")'], { encoding: 'utf8' });
  return probe.status === 0 ? ok(`Python environment: torch ${probe.stdout.trim()}`) : bad(`Python environment: broken (${probe.stderr.trim().split('\n').at(-1)})`, 'rm -rf trainer/.venv && npm run setup');
}

async function port() {
  const number = Number(process.env.TRIAD_PORT || 4000);
  const running = join(home, 'running.json');
  if (existsSync(running)) {
    const { pid, url } = JSON.parse(readFileSync(running, 'utf8'));
    try {
      process.kill(pid, 0);
      return ok(`Triad runs at ${url} (process ${pid})`);
    } catch {
      return warn(`running.json names process ${pid}, which is gone`, 'npm start (it cleans up by itself)');
    }
  }
  return (await portFree(number, process.env.TRIAD_HOST || '127.0.0.1')) ? ok(`Port ${number}: free`) : bad(`Port ${number}: taken by another program`, `TRIAD_PORT=${number + 1} npm start`);
}

export async function doctor() {
  const free = statfsSync(root);
  const freeGb = free.bavail * free.bsize / 1e9;
  const memoryGb = totalmem() / 1e9;
  const findings = [
    tried(`Node ${process.versions.node}`, checkNode),
    tried(`Platform ${process.platform}-${process.arch}`, checkPlatform),
    tried('Python', findPython),
    existsSync(join(root, 'node_modules', '.triad-lock')) ? ok('Node packages: installed') : warn('Node packages: not installed yet', 'npm run setup'),
    python(),
    existsSync(join(home, 'models', 'smollm2-135m-instruct')) ? ok('Model SmolLM2-135M-Instruct: there') : warn('Model SmolLM2-135M-Instruct: not there yet', 'npm run setup'),
    freeGb > 5 ? ok(`Disk: ${freeGb.toFixed(0)} GB free`) : bad(`Disk: only ${freeGb.toFixed(1)} GB free, 5 are needed`, 'free some space, or set TRIAD_HOME to a directory on a larger disk'),
    memoryGb > 7 ? ok(`Memory: ${memoryGb.toFixed(0)} GB`) : warn(`Memory: ${memoryGb.toFixed(1)} GB; the demo needs about 6`, 'close other programs, or set TRIAD_WARM_TRAINER=0'),
    await service('Postgres', 'DATABASE_URL'),
    await service('Redis', 'REDIS_URL'),
    await port(),
  ];
  const mark = { ok: '✓', warn: '!', bad: '✗' };
  for (const { state, what, mend } of findings) console.log(`${mark[state]} ${what}${mend ? `\n    mend: ${mend}` : ''}`);
  const failures = findings.filter(({ state }) => state === 'bad').length;
  console.log(failures === 0 ? '\nThis machine can run Triad.' : `\n${failures} thing${failures > 1 ? 's' : ''} to mend.`);
  return failures === 0 ? 0 : 1;
}
