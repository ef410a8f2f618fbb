import type { Service } from '../../demo/service.js';
import { graphql } from './graphql.js';
import { bareServer, throughput } from './load.js';
import { measurePairs } from './pairs.js';
import type { Findings } from './report.js';

const SUBJECT = '`GET /v1/prompts/{name}?label=production`, authenticated';

/** A prompt by its label over REST, against routes that answer the very same bytes as a constant and ask nobody. */
export async function benchPromptFetch(service: Service): Promise<Findings> {
  await graphql(service, `mutation { createPromptVersion(input: { name: "bench/fetched", labels: ["production"], messages: [
    { role: system, content: "You steer the house. The speaker is in the {{room}}." }, { role: user, content: "{{wish}}" }] }) { id } }`);
  const call = { url: `${service.url}/v1/prompts/bench/fetched?label=production`, headers: { authorization: `Bearer ${service.apiKey}` } };
  const answer = await fetch(call.url, { headers: call.headers });
  const bytes = await answer.text();
  if (!answer.ok) throw new Error(`${call.url}: ${answer.status} ${bytes}`);
  const [fastify, http] = [await bareServer('fastify', bytes), await bareServer('constant', bytes)];
  const against = (baseline: string, url: string) => measurePairs({ name: 'Prompt by label', subject: SUBJECT, baseline, unit: 'requests/s' }, () => throughput(call), () => throughput({ url: `${url}/v1/prompts/x` }), 5);
  try {
    return { pairs: [await against('bare Fastify route, the same bytes', fastify.url), await against('Node http, the same bytes', http.url)] };
  } finally {
    for (const each of [fastify, http]) each.process.disconnect();
  }
}
