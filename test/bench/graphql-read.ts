import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { Service } from '../../demo/service.js';
import { bareServer, throughput } from './load.js';
import { measurePairs, type PairedResult } from './pairs.js';

const CREATE = 'mutation { createPromptVersion(input: { name: "bench", messages: [{ role: user, content: "Say {{what}}" }] }) { id } }';
const READ = '{ prompt(name: "bench", version: 1) { id name version messages { role content } createdAt } }';
/** Never reached, so that each request is counted in Redis and none is refused. */
const LIMIT = 'mutation { setProjectLimits(limits: { requestsPerMinute: 1000000000 }) { requestsPerMinute } }';
const SUBJECT = '`prompt(name, version)`, authenticated and limited';

/** An authenticated GraphQL read of one row, against the same SELECT through plain `pg`, a constant from Node's http, and the same API left open. */
export async function benchGraphqlRead(service: Service, servers: { postgres: string; redis: string }): Promise<PairedResult[]> {
  const headers = { authorization: `Bearer ${service.apiKey}`, 'content-type': 'application/json' };
  const post = (url: string, query: string) => ({ url: `${url}/graphql`, method: 'POST' as const, headers, body: JSON.stringify({ query }) });
  for (const setUp of [CREATE, LIMIT]) {
    const answer = await (await fetch(`${service.url}/graphql`, post(service.url, setUp))).json() as { errors?: unknown };
    if (answer.errors) throw new Error(JSON.stringify(answer.errors));
  }
  const bare = await bareServer('pg', servers.postgres);
  const constant = await bareServer('upstream');
  const open = await openGateway(servers);
  const read = () => throughput(post(service.url, READ));
  const against = (name: string, baseline: string, measure: () => Promise<number>) =>
    measurePairs({ name, subject: SUBJECT, baseline, unit: 'requests/s' }, read, measure, 5);
  try {
    return [
      await against('GraphQL read: cost of auth, tenancy, limits', 'the same API without them', () => throughput(post(open.url, READ))),
      await against('GraphQL read', 'Node http + `pg` SELECT', () => throughput({ url: bare.url })),
      await against('GraphQL read', 'Node http, a constant', () => throughput({ url: constant.url })),
    ];
  } finally {
    await fetch(`${service.url}/graphql`, post(service.url, 'mutation { setProjectLimits(limits: {}) { requestsPerMinute } }'));
    for (const each of [bare, constant, open]) each.process.disconnect();
  }
}

/** The API without authentication, tenancy and limits, on the same database. */
async function openGateway({ postgres, redis }: { postgres: string; redis: string }) {
  const client = new pg.Client({ connectionString: postgres });
  await client.connect();
  const { rows: [project] } = await client.query<{ id: string }>("SELECT id FROM projects WHERE name = 'default'");
  await client.end();
  const env = {
    ...process.env, DATABASE_URL: postgres, REDIS_URL: redis, TRIAD_PORT: '0', TRIAD_SECRET_KEY: randomBytes(32).toString('base64'),
    TRIAD_RUNTIME_URL: 'http://127.0.0.1:9', TRIAD_SCORER_URL: 'http://127.0.0.1:9', TRIAD_LOG_LEVEL: 'warn',
  };
  const child = fork(fileURLToPath(new URL('open-gateway.js', import.meta.url)), [project!.id], { env });
  const [port] = (await once(child, 'message')) as [number];
  return { url: `http://127.0.0.1:${port}`, process: child };
}
