import type { Service } from '../../demo/service.js';
import { bareServer, throughput } from './load.js';
import { measurePairs, type PairedResult } from './pairs.js';

const CREATE = 'mutation { createPromptVersion(input: { name: "bench", messages: [{ role: user, content: "Say {{what}}" }] }) { id } }';
const READ = '{ prompt(name: "bench", version: 1) { id name version messages { role content } createdAt } }';

/** An authenticated GraphQL read of one row against the same SELECT through plain `pg`. */
export async function benchGraphqlRead(service: Service, postgresUrl: string): Promise<PairedResult> {
  const headers = { authorization: `Bearer ${service.apiKey}`, 'content-type': 'application/json' };
  const post = (query: string) => ({ url: `${service.url}/graphql`, method: 'POST' as const, headers, body: JSON.stringify({ query }) });
  await fetch(`${service.url}/graphql`, post(CREATE));
  const bare = await bareServer('pg', postgresUrl);
  try {
    return await measurePairs(
      { name: 'GraphQL read', subject: 'authenticated `prompt(name, version)`', baseline: 'Node http + `pg` SELECT', unit: 'requests/s' },
      () => throughput(post(READ)), () => throughput({ url: bare.url }), 5);
  } finally {
    bare.process.disconnect();
  }
}
