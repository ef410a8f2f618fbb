import { createHash } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countResolvers } from '../helpers/count-resolvers.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { firstAnswer } from '../helpers/subscriptions.js';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const INTROSPECTION = '{ __schema { queryType { name } } }';

async function ask(gateway: Gateway, body: object): Promise<{ status: number; data: any; error: any }> {
  const response = await gateway.fetch('/graphql', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const { data, errors } = await response.json() as { data?: unknown; errors?: { extensions: object }[] };
  expect(errors?.[0]?.extensions ?? { requestId: response.headers.get('x-request-id') }).toMatchObject({ requestId: response.headers.get('x-request-id') });
  return { status: response.status, data, error: errors?.[0] };
}

describe('the GraphQL edge', () => {
  let gateway: Gateway;
  beforeAll(async () => { gateway = await startGateway(); });
  afterAll(() => gateway.stop());

  it('answers introspection while one develops', async () => {
    expect(await ask(gateway, { query: INTROSPECTION })).toMatchObject({ data: { __schema: { queryType: { name: 'Query' } } } });
  });

  it.each([
    ['a failure that was expected', { query: '{ model(name: "none") { id } }' }, 200, 'not_found'],
    ['a field that is not there', { query: '{ nothing }' }, 400, 'GRAPHQL_VALIDATION_FAILED'],
    ['a document that cannot be read', { query: '{' }, 400, 'GRAPHQL_PARSE_FAILED'],
    ['a variable of the wrong type', { query: 'query ($n: Int) { models(first: $n) { nodes { id } } }', variables: { n: 'x' } }, 400, 'BAD_USER_INPUT'],
    ['a page of the wrong size', { query: '{ models(first: 501) { nodes { id } } }' }, 200, 'bad_input'],
    ['no document', { operationName: 'x' }, 400, 'BAD_REQUEST'],
  ])('names the request, and a stable code, for %s', async (_, body, status, code) => {
    expect(await ask(gateway, body)).toMatchObject({ status, error: { extensions: { code } } });
  });

  it('lets no cache keep an answer', async () => {
    const response = await gateway.fetch('/graphql?query={__typename}', { headers: { 'apollo-require-preflight': '1' } });
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
  });

  it('refuses what a page on another site could send', async () => {
    const simple = await fetch(`${gateway.url}/graphql?query={__typename}`, { headers: { authorization: `Bearer ${gateway.key}` } });
    expect([simple.status, JSON.stringify(await simple.json())]).toEqual([400, expect.stringContaining('CSRF')]);
    const form = await gateway.fetch('/graphql', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: JSON.stringify({ query: '{ __typename }' }) });
    expect(form.status).toBeGreaterThanOrEqual(400);
  });
});

describe('the GraphQL edge in production, with trusted documents', () => {
  const LIST = 'query List { prompts { nodes { name } } }';
  const WATCH = 'subscription Watch($id: ID!) { fineTuneJobEvents(id: $id) { cursor } }';
  let gateway: Gateway;
  let counter: { calls: number };

  beforeAll(async () => {
    const manifest = join(mkdtempSync(join(tmpdir(), 'triad-manifest-')), 'documents.json');
    writeFileSync(manifest, JSON.stringify({ format: 'apollo-persisted-query-manifest', version: 1, operations: [{ id: 'list-1', name: 'List', type: 'query', body: LIST }, { id: sha256(WATCH), name: 'Watch', type: 'subscription', body: WATCH }] }));
    gateway = await startGateway({ env: { TRIAD_ENV: 'production', TRIAD_TRUSTED_DOCUMENTS: manifest } });
    counter = countResolvers(gateway);
  });
  afterAll(() => {
    Object.assign(process.env, { TRIAD_ENV: '', TRIAD_TRUSTED_DOCUMENTS: '' });
    return gateway.stop();
  });

  it.each<[string, object]>([
    ['documentId', { documentId: 'list-1' }],
    ['documentId as a hash', { documentId: `sha256:${sha256(LIST)}` }],
    ['a persisted query', { extensions: { persistedQuery: { version: 1, sha256Hash: sha256(LIST) } } }],
    ['its text', { query: LIST }],
  ])('runs a listed document by %s', async (_, body) => {
    expect(await ask(gateway, body)).toEqual({ status: 200, data: { prompts: { nodes: [] } }, error: undefined });
  });

  it('runs a listed document by GET, as caches like it', async () => {
    const response = await gateway.fetch('/graphql?documentId=list-1', { headers: { 'apollo-require-preflight': '1' } });
    expect(await response.json()).toEqual({ data: { prompts: { nodes: [] } } });
  });

  it.each<[string, object]>([
    ['another text', { query: `${LIST} ` }],
    ['an unknown id', { documentId: 'list-2' }],
    ['an unknown id with a listed text', { documentId: 'list-2', query: LIST }],
    ['an unknown hash', { extensions: { persistedQuery: { version: 1, sha256Hash: sha256('x') } } }],
    ['a text that would register itself', { query: '{ __typename }', extensions: { persistedQuery: { version: 1, sha256Hash: sha256('{ __typename }') } } }],
    ['introspection', { query: INTROSPECTION }],
    ['a text that cannot be read', { query: '{' }],
    ['an inherited name', { documentId: 'constructor' }],
  ])('refuses %s', async (_, body) => {
    counter.calls = 0;
    expect(await ask(gateway, body)).toMatchObject({ status: 400, error: { extensions: { code: 'document_not_trusted' } } });
    expect(counter.calls).toBe(0);
  });

  it('keeps to them over WebSocket', async () => {
    const refused = await firstAnswer(gateway, { query: `${WATCH} `, variables: { id: 'x' } }).then(() => null, (errors: unknown) => errors);
    expect(refused).toMatchObject([{ extensions: { code: 'document_not_trusted' } }]);
    for (const by of [{ query: WATCH }, { query: '', extensions: { persistedQuery: { sha256Hash: sha256(WATCH) } } }]) {
      expect(await firstAnswer(gateway, { ...by, variables: { id: 'ftjob_none' } })).toMatchObject({ errors: [{ extensions: { code: 'not_found', requestId: expect.stringMatching(/^req-/) } }] });
    }
  });
});

describe('the GraphQL edge in production', () => {
  let gateway: Gateway;
  beforeAll(async () => { gateway = await startGateway({ env: { TRIAD_ENV: 'production' } }); });
  afterAll(() => {
    process.env['TRIAD_ENV'] = '';
    return gateway.stop();
  });

  it('tells nothing of its schema', async () => {
    expect(await ask(gateway, { query: INTROSPECTION })).toMatchObject({ status: 400, data: undefined });
    const { error } = await ask(gateway, { query: '{ prompt(name: "x") { nam } }' });
    expect(error.message).not.toContain('Did you mean');
    const refused = await firstAnswer(gateway, { query: 'subscription { fineTuneJobEvent(id: "x") { cursor } }' }).then(() => null, (errors: unknown) => errors);
    expect(refused).toMatchObject([{ message: expect.stringContaining('Cannot query field') }]);
    expect(JSON.stringify(refused)).not.toContain('Did you mean');
  });
});
