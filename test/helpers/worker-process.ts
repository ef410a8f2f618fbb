import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { expect, vi } from 'vitest';

/** Compiles the service, so that a worker process runs the sources as they are. */
export function build(): void {
  execFileSync(process.execPath, ['node_modules/tsc7/bin/tsc', '-p', 'tsconfig.build.json'], { stdio: 'inherit' });
}

export interface WorkerProcess {
  process: ChildProcess;
  pid: number;
  /** Process ids of its trainers. */
  trainers(): number[];
  /** Sends a signal and waits for the end; answers the exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts a worker in a process of its own, with the environment that `startGateway` set. */
export async function startWorker(env: Record<string, string> = {}): Promise<WorkerProcess> {
  const worker = fork('dist/src/worker.js', [], { env: { ...process.env, ...env }, execArgv: ['--enable-source-maps'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const pid = worker.pid!;
  const [ready] = await Promise.race([once(worker, 'message'), once(worker, 'exit')]) as [unknown];
  if (ready !== 'ready') throw new Error(`The worker ended at its start with ${String(ready)}`);
  return {
    process: worker,
    pid,
    trainers: () => childrenOf(pid),
    end: async (signal) => {
      if (worker.exitCode !== null || worker.signalCode !== null) return worker.exitCode;
      const ended = once(worker, 'exit');
      worker.kill(signal);
      return ((await ended) as [number | null])[0];
    },
  };
}

function childrenOf(parent: number): number[] {
  const list = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' });
  return list.split('\n').map((line) => line.trim().split(/\s+/))
    .filter(([, ppid, ...args]) => Number(ppid) === parent && args.join(' ').includes('triad_trainer')).map(([pid]) => Number(pid));
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Waits until none of the processes is left. */
export const untilGone = (pids: number[], timeout = 60_000): Promise<void> =>
  vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), { timeout, interval: 100 });
