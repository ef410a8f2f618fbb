import { afterAll, beforeAll, expect, it } from 'vitest';
import { generateApiKey } from '../../src/auth/api-key.js';
import { Database } from '../../src/database/database.js';
import { type ApiProcess, startApi } from '../helpers/api-process.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { build } from '../helpers/worker-process.js';

let gateway: Gateway;
let api: ApiProcess;
beforeAll(async () => {
  build();
  gateway = await startGateway();
  api = await startApi({ TRIAD_LOG_LEVEL: 'debug', TRIAD_METRICS_TOKEN: 'a-token-for-prometheus' });
});
afterAll(async () => {
  await api.end('SIGKILL');
  await gateway.stop();
});

const send = (path: string, key: string, body?: object) => fetch(`${api.url}${path}`, {
  method: body ? 'POST' : 'GET', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, ...(body && { body: JSON.stringify(body) }),
});

it('logs requests with their ids, and never a key: of a header, a URL, a variable, or an error that quotes one', async () => {
  const wrongKey = generateApiKey();
  const provider = 'sk-proj-0123456789abcdef';
  // An unexpected error whose message quotes what the caller sent: an index that Postgres cannot put the value in.
  await gateway.app.get(Database).platform.query(`CREATE FUNCTION quote_it(name text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN IF name LIKE 'leak%' THEN RAISE EXCEPTION 'cannot use %', name; END IF; RETURN name; END $$;
    CREATE INDEX ON providers (quote_it(name))`);
  const mutation = 'mutation ($input: CreateProviderInput!) { createProvider(input: $input) { id } }';
  await send('/v1/models', wrongKey);
  await send(`/v1/models/x?api_key=${wrongKey}`, gateway.key);
  const failed = await send('/graphql', gateway.key, { query: mutation, variables: { input: { name: `leak-${wrongKey}-${provider}`, baseUrl: 'http://127.0.0.1:9', apiKey: provider } } });
  expect(await failed.json()).toMatchObject({ errors: [{ extensions: { code: 'internal' } }] });
  await send('/metrics', 'a-token-for-prometheus');
  await api.end('SIGTERM');
  const lines = api.log().trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.filter(({ msg }) => msg === 'request')).toEqual(expect.arrayContaining([
    expect.objectContaining({ method: 'GET', route: '/v1/models', status: 401, requestId: expect.stringMatching(/^req-/) as string, ms: expect.any(Number) as number }),
    expect.objectContaining({ route: '/v1/models/*', status: 404, principal: expect.stringMatching(/^key:/) as string, projectId: expect.stringMatching(/^proj_/) as string }),
  ]));
  expect(lines).toContainEqual(expect.objectContaining({ level: 'error', context: 'GraphQL', operation: 'createProvider', msg: expect.stringContaining('cannot use leak-[redacted]') as string }));
  for (const secret of [gateway.key, wrongKey, provider, 'a-token-for-prometheus', process.env['TRIAD_SECRET_KEY']!]) expect(api.log()).not.toContain(secret);
});
