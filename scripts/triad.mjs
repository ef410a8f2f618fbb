// Entry of the npm commands: sets up what is missing, then hands over. Uses nothing but Node itself.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkNode, home, root, setup, SetupError, venvPython } from './setup.mjs';

const [command, ...args] = process.argv.slice(2);

/** Runs a program in the foreground and answers its exit code; signals reach it through the process group. */
function hand(program, programArgs, env = {}) {
  const child = spawn(program, programArgs, { cwd: root, stdio: 'inherit', env: { ...process.env, TRIAD_HOME: home, TRIAD_PYTHON: venvPython, TRIAD_TRAINER_DIR: join(root, 'trainer'), ...env } });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  return new Promise((done) => child.on('exit', (code, signal) => done(code ?? (signal ? 1 : 0))));
}

const node = (file, ...rest) => hand(process.execPath, ['--enable-source-maps', join(root, file), ...rest]);

const vitest = (...rest) => hand(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...rest]);

/** Runs each in turn and stops at the first that fails. */
async function all(...steps) {
  for (const step of steps) {
    const code = await step();
    if (code !== 0) return code;
  }
  return 0;
}

const commands = {
  setup: () => setup().then(() => 0),
  start: () => setup().then(() => node('dist/src/launcher.js', ...args)),
  demo: () => setup().then(() => node('dist/demo/demo.js', ...args)),
  doctor: () => import('./doctor.mjs').then(({ doctor }) => doctor()),
  bench: () => setup().then(() => node('dist/test/bench/bench.js', ...args)),
  // The faults at full length; --random [--minutes N] [--seed N]: a random run of them.
  'test:faults': () => setup({ forTests: true }).then(() => (args[0] === '--random' ? node('dist/test/faults/random.js', ...args.slice(1))
    : hand(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--project', 'faults', ...args], { TRIAD_FAULTS: 'full' }))),
  stop: async () => {
    const state = join(home, 'running.json');
    if (!existsSync(state)) return console.log('Triad is not running from here.'), 0;
    const { pid } = JSON.parse(readFileSync(state, 'utf8'));
    process.kill(pid, 'SIGTERM');
    console.log(`Stopping Triad (process ${pid}).`);
    return 0;
  },
  // With arguments only vitest runs, with them: npm test -- --project unit
  test: () => setup({ forTests: true }).then(() => (args.length > 0 ? vitest(...args) : all(
    () => hand('npm', ['run', '--silent', 'check']),
    () => vitest(),
    () => hand(venvPython, ['-m', 'pytest', '-c', 'trainer/pyproject.toml', '--rootdir', 'trainer', 'trainer/tests'], { PYTHONPATH: join(root, 'trainer') }),
    () => hand(venvPython, ['-m', 'pytest', '-p', 'no:valkey', 'demo/data']),
  ))),
};

try {
  checkNode();
  if (!Object.hasOwn(commands, command)) throw new SetupError(`Unknown command ${command}.`, `one of ${Object.keys(commands).join(', ')}.`);
  process.exitCode = await commands[command]();
} catch (error) {
  console.error(error instanceof SetupError ? `\n${error.message}` : error);
  process.exitCode = 1;
}
