import autocannon from 'autocannon';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Requests answered per second over `seconds`, by 16 connections. @throws Error when any answer is not 2xx. */
export async function throughput(options: Pick<autocannon.Options, 'url' | 'method' | 'headers' | 'body'>, seconds = 4): Promise<number> {
  const result = await autocannon({ ...options, connections: 16, duration: seconds });
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${options.url}: ${result.non2xx} answers were not 2xx, ${result.errors} errors`);
  return result.requests.average;
}

/** Starts bare-server.ts in its own process. */
export async function bareServer(kind: 'pg' | 'proxy' | 'upstream' | 'constant' | 'fastify', target = ''): Promise<{ url: string; process: ChildProcess }> {
  const child = fork(fileURLToPath(new URL('bare-server.js', import.meta.url)), [kind, target]);
  const [port] = (await once(child, 'message')) as [number];
  return { url: `http://127.0.0.1:${port}`, process: child };
}
