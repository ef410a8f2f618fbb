import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from '../../src/database/embedded-postgres.js';

export interface ApiProcess {
  process: ChildProcess;
  url: string;
  /** All that it has logged so far. */
  log(): string;
  /** Sends a signal; answers the exit code when the process has ended. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts the compiled API in a process of its own, with the environment that `startGateway` set; see `build()`. */
export async function startApi(env: Record<string, string> = {}): Promise<ApiProcess> {
  const port = await freePort();
  const api = fork('dist/src/main.js', [], { env: { ...process.env, TRIAD_PORT: String(port), ...env }, execArgv: ['--enable-source-maps'], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  let log = '';
  for (const stream of [api.stdout!, api.stderr!]) stream.setEncoding('utf8').on('data', (text: string) => { log += text; });
  const [ready] = await Promise.race([once(api, 'message'), once(api, 'exit')]) as [unknown];
  if (ready !== 'ready') throw new Error(`The API ended at its start with ${String(ready)}:\n${log}`);
  return {
    process: api,
    url: `http://127.0.0.1:${port}`,
    log: () => log,
    end: async (signal) => {
      if (api.exitCode !== null || api.signalCode !== null) return api.exitCode;
      const ended = once(api, 'exit');
      api.kill(signal);
      return ((await ended) as [number | null])[0];
    },
  };
}
