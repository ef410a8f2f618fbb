import type { Service } from '../../demo/service.js';
import { bareServer, throughput } from './load.js';
import { measurePairs, type PairedResult } from './pairs.js';

/** The chat edge in front of a constant upstream, against a bare Node proxy in front of the same one. */
export async function benchChatEdge(service: Service): Promise<PairedResult> {
  const upstream = await bareServer('upstream');
  const proxy = await bareServer('proxy', upstream.url);
  const headers = { authorization: `Bearer ${service.apiKey}`, 'content-type': 'application/json' };
  const create = `mutation { createProvider(input: { name: "bench", baseUrl: "${upstream.url}/v1" }) { id } }`;
  const made = (await (await fetch(`${service.url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query: create }) })).json()) as { errors?: unknown };
  if (made.errors) throw new Error(`createProvider: ${JSON.stringify(made.errors)}`);
  const call = (url: string, model: string) => ({
    url: `${url}/v1/chat/completions`, method: 'POST' as const, headers,
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'close down the studio blind' }] }),
  });
  try {
    return await measurePairs(
      { name: 'Chat edge', subject: 'authenticated `/v1/chat/completions` to a provider', baseline: 'bare Node http proxy', unit: 'requests/s' },
      () => throughput(call(service.url, 'bench/fake')), () => throughput(call(proxy.url, 'fake')), 5);
  } finally {
    upstream.process.disconnect();
    proxy.process.disconnect();
  }
}
