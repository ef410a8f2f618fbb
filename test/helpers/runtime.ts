import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

export interface Runtime {
  url: string;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/**
 * Starts the embedded inference runtime with no model loaded.
 * @param port 0 takes a free one
 */
export async function startRuntime(port = 0): Promise<Runtime> {
  const python = resolve(process.env['TRIAD_PYTHON'] ?? 'trainer/.venv/bin/python');
  const child = spawn(python, ['-m', 'triad_trainer.serve', '--port', String(port), '--parent-pipe'], { cwd: 'trainer', stdio: ['pipe', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => { log += chunk.toString(); });
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await Promise.race([lines.next(), ended.then(() => ({ value: undefined }))]);
  if (first.value === undefined) throw new Error(`The runtime did not start: ${log}`);
  const { port: bound } = JSON.parse(first.value as string) as { port: number };
  return {
    url: `http://127.0.0.1:${bound}`,
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
