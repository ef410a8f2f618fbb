import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { Agent, request } from 'undici';
import type { Service } from '../../demo/service.js';
import { measurePairs, type PairedResult } from './pairs.js';

const EVENTS = 400;
const AT_A_TIME = 64;

/** A receiver that counts and answers 200. */
async function startReceiver() {
  let seen = 0;
  let waiting: (() => void) | null = null;
  let wanted = Infinity;
  const server = createServer((incoming, response) => {
    incoming.resume().on('end', () => {
      response.end('ok');
      seen += 1;
      if (seen >= wanted) waiting?.();
    });
  }).listen(0, '127.0.0.1');
  await new Promise((ready) => server.once('listening', ready));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    /** Resolves when as many more have come. */
    more: (count: number) => new Promise<void>((done) => { wanted = seen + count; waiting = done; }),
    stop: () => new Promise<void>((closed) => { server.closeAllConnections(); server.close(() => closed()); }),
  };
}

/** Deliveries per second of events that happened before, through outbox, queue, signature and record, against a bare loop of signed POSTs. */
export async function benchWebhooks(service: Service): Promise<PairedResult[]> {
  const receiver = await startReceiver();
  const graphql = async (query: string) => {
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST', headers: { authorization: `Bearer ${service.apiKey}`, 'content-type': 'application/json' }, body: JSON.stringify({ query }),
    });
    const { data, errors } = await response.json() as { data: Record<string, any>; errors?: unknown };
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  };
  await graphql(`mutation { registerBaseModel(input: { name: "hooked", source: "smollm2-135m-instruct", licence: "apache-2.0" }) { id } }`);
  const since = new Date().toISOString();
  for (let event = 0; event < EVENTS; event += 1) await graphql(`mutation { setModelAlias(model: "hooked", alias: "a${event}", version: 1) { id } }`);
  const { createWebhookEndpoint: { endpoint, secret } } = await graphql(`mutation { createWebhookEndpoint(url: "${receiver.url}") { secret endpoint { id } } }`);
  const replay = async () => {
    const received = receiver.more(EVENTS);
    const start = performance.now();
    await graphql(`mutation { replayWebhooks(endpointId: "${endpoint.id}", from: "${since}", to: "${new Date().toISOString()}", eventTypes: ["model.alias.moved"]) { events } }`);
    await received;
    return EVENTS / ((performance.now() - start) / 1000);
  };
  const agent = new Agent({ connections: AT_A_TIME });
  const loop = async () => {
    const body = JSON.stringify({ type: 'model.alias.moved', timestamp: since, data: { model: 'hooked', alias: 'a1', version: 1 } });
    const start = performance.now();
    let next = 0;
    await Promise.all(Array.from({ length: AT_A_TIME }, async () => {
      while (next < EVENTS) {
        const id = `evt_${next += 1}`;
        const at = new Date();
        const headers = { 'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': String(Math.floor(at.getTime() / 1000)), 'webhook-signature': new Webhook(secret).sign(id, at, body) };
        await (await request(receiver.url, { method: 'POST', headers, body, dispatcher: agent })).body.dump();
      }
    }));
    return EVENTS / ((performance.now() - start) / 1000);
  };
  try {
    return [await measurePairs({ name: 'Webhooks', subject: `${EVENTS} replayed events to a local receiver`, baseline: 'signed POSTs in a bare undici loop', unit: 'deliveries/s' }, replay, loop, 3)];
  } finally {
    await agent.close();
    await receiver.stop();
  }
}
