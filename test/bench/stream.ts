import { Client } from 'undici';
import type { Service } from '../../demo/service.js';
import { type Contender, startContenders } from './contenders.js';
import type { Call } from './open-load.js';
import { percentile } from './open-load.js';
import type { Findings } from './report.js';

const STREAMS = 250;
const WARM_UP = 20;
const TOKEN = /"content":\s*"[^"]/;

/** How much later than straight from the upstream the first token of a stream comes: one stream at a time, each way in turn. */
export async function benchStream(service: Service, folder: string): Promise<Findings> {
  const contenders = await startContenders(service, folder, { stream: true });
  try {
    const all = [contenders.direct, contenders.proxy, contenders.triad, ...contenders.rivals];
    const clients = new Map(all.map((each) => [each, new Client(new URL(each.call.url).origin)]));
    const taken = new Map(all.map((each) => [each, [] as number[]]));
    for (let round = -WARM_UP; round < STREAMS; round += 1) {
      for (const each of round % 2 === 0 ? all : all.toReversed()) {
        const milliseconds = await firstToken(clients.get(each)!, each.call);
        if (round >= 0) taken.get(each)!.push(milliseconds);
      }
    }
    await Promise.all([...clients.values()].map((client) => client.close()));
    return { tables: [tableOf(contenders.direct, taken)], notes: contenders.missing };
  } finally {
    await contenders.stop();
  }
}

function tableOf(direct: Contender, taken: Map<Contender, number[]>) {
  const base = taken.get(direct)!;
  const shown = (value: number, less: number) => (value === less ? '' : value - less >= 0 ? '+' : '') + (value === less ? value : value - less).toFixed(2);
  const rows = [...taken].map(([{ name }, times]) => [name, ...[0.5, 0.99].map((share) => `${shown(percentile(times, share), percentile(base, share))} ms`), String(times.length)]);
  return {
    columns: ['first token of a stream', 'p50', 'p99', 'streams'], rows,
    note: 'From the time a request is sent to the first event with content, one stream at a time; of a gateway what it adds to `direct`. The upstream sends its first token 10 ms after the request.',
  };
}

/** Milliseconds; the stream is read to its end. @throws Error when it holds no token. */
async function firstToken(client: Client, call: Call): Promise<number> {
  const { pathname } = new URL(call.url);
  const sent = performance.now();
  const { statusCode, body } = await client.request({ path: pathname, method: 'POST', headers: call.headers ?? {}, body: call.body ?? null });
  let first: number | null = null;
  let text = '';
  for await (const chunk of body) {
    text += String(chunk);
    if (first === null && TOKEN.test(text)) first = performance.now() - sent;
  }
  if (first === null) throw new Error(`${call.url}: no token in a stream with status ${statusCode}: ${text.slice(0, 500)}`);
  return first;
}
