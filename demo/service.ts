/** Finds the service on this machine or starts it, as a person would with `npm start` in another terminal. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export interface Service {
  url: string;
  apiKey: string;
  startedHere: boolean;
  /** Asks it to stop. */
  stop(): void;
  /** Stops it and resolves when it has ended. */
  stopped(): Promise<void>;
}

interface State {
  pid: number;
  url: string;
}

const home = resolve(process.env['TRIAD_HOME'] || '.triad');

function readState(): State | null {
  const file = join(home, 'running.json');
  if (!existsSync(file)) return null;
  const state = JSON.parse(readFileSync(file, 'utf8')) as State;
  try {
    process.kill(state.pid, 0);
    return state;
  } catch {
    return null;
  }
}

function describe(state: State, startedHere: boolean): Service {
  const { apiKey } = JSON.parse(readFileSync(join(home, 'credentials.json'), 'utf8')) as { apiKey: string };
  const stop = () => void process.kill(state.pid, 'SIGTERM');
  const stopped = async () => {
    stop();
    while (readState()) await wait(100); // its state file goes when it has ended
  };
  return { url: state.url, apiKey, startedHere, stop, stopped };
}

/** @throws Error with the launcher's own words when it cannot start. */
export async function findOrStartService(): Promise<Service> {
  const running = readState();
  if (running?.url) return describe(running, false);
  mkdirSync(join(home, 'logs'), { recursive: true });
  const logFile = join(home, 'logs', 'launcher.log');
  const log = openSync(logFile, 'w');
  const launcher = spawn(process.execPath, ['--enable-source-maps', fileURLToPath(new URL('../src/launcher.js', import.meta.url))],
    { detached: true, stdio: ['ignore', log, log] });
  launcher.unref();
  for (;;) {
    if (launcher.exitCode !== null) throw new Error(readFileSync(logFile, 'utf8').trim());
    const state = readState();
    if (state?.url) return describe(state, true);
    await wait(100); // the launcher writes its address into a file when all parts are ready
  }
}
