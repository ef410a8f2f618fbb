import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { isAlive } from '../../src/database/embedded-postgres.js';

/** Compiles the service, so that a worker process runs the sources as they are. */
export function build(): void {
  execFileSync(process.execPath, ['node_modules/tsc7/bin/tsc', '-p', 'tsconfig.build.json'], { stdio: 'inherit' });
}

export interface ServiceProcess {
  process: ChildProcess;
  pid: number;
  /** Whether it has not ended yet. */
  runs(): boolean;
  /** Resolves at its end. */
  ended: Promise<unknown>;
  /** Sends a signal and waits for the end; answers the exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

export interface WorkerProcess extends ServiceProcess {
  /** Process ids of its trainers. */
  trainers(): number[];
}

/** Starts a worker in a process of its own, with the environment that `startGateway` set. */
export async function startWorker(env: Record<string, string> = {}): Promise<WorkerProcess> {
  const worker = await startProcess('worker', env);
  return { ...worker, trainers: () => childrenOf(worker.pid) };
}

/** Starts an API in a process of its own; `env` names its TRIAD_PORT. */
export const startApi = (env: Record<string, string>): Promise<ServiceProcess> => startProcess('main', env);

async function startProcess(entry: string, env: Record<string, string>): Promise<ServiceProcess> {
  const child = fork(`dist/src/${entry}.js`, [], { env: { ...process.env, ...env }, execArgv: ['--enable-source-maps'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = once(child, 'exit');
  const [ready] = await Promise.race([once(child, 'message'), ended]) as [unknown];
  if (ready !== 'ready') throw new Error(`The process ${entry} ended at its start with ${String(ready)}`);
  const runs = () => child.exitCode === null && child.signalCode === null;
  return {
    process: child,
    pid: child.pid!,
    runs,
    ended,
    end: async (signal) => {
      if (runs()) child.kill(signal);
      await ended;
      return child.exitCode;
    },
  };
}

function childrenOf(parent: number): number[] {
  const list = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' });
  return list.split('\n').map((line) => line.trim().split(/\s+/))
    .filter(([, ppid, ...args]) => Number(ppid) === parent && args.join(' ').includes('triad_trainer')).map(([pid]) => Number(pid));
}

/** Waits until none of the processes is left. @throws Error naming those that are. */
export async function untilGone(pids: number[], timeout = 60_000): Promise<void> {
  for (const deadline = Date.now() + timeout; pids.some(isAlive);) {
    if (Date.now() > deadline) throw new Error(`Still there: process ${pids.filter(isAlive).join(', ')}`);
    await wait(100);
  }
}
