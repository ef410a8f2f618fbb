import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../src/database/database.js';
import { CREATE_PROMPT, post, prompt } from '../helpers/commands.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { contextOf, registerStubModel } from '../helpers/stub-model.js';

let gateway: Gateway;
beforeAll(async () => { gateway = await startGateway(); });
afterAll(() => gateway.stop());

describe('two people who edit one thing', () => {
  it('do not undo each other: the second is told that it moved', async () => {
    for (const _ of [1, 2, 3]) await gateway.graphql(CREATE_PROMPT, { input: prompt('shared') });
    const move = (version: number, expected: number) =>
      gateway.graphql(`mutation { setPromptLabels(name: "shared", version: ${version}, labels: ["live"], expectedVersion: ${expected}) { version } }`);
    await move(1, 0);
    const moves = await Promise.allSettled([move(2, 1), move(3, 1)]);
    expect(moves.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(moves.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'conflict', message: expect.stringContaining('another moved it') } });
  });

  it('is so for webhook endpoints too', async () => {
    const { createWebhookEndpoint: { endpoint } } = await gateway.graphql('mutation { createWebhookEndpoint(url: "http://127.0.0.1:9/a") { endpoint { id revision } } }');
    const edit = (path: string) => gateway.graphql('mutation ($id: ID!, $url: String!, $expected: Int!) { updateWebhookEndpoint(id: $id, url: $url, expectedRevision: $expected) { revision } }',
      { id: endpoint.id, url: `http://127.0.0.1:9/${path}`, expected: endpoint.revision });
    const edits = await Promise.allSettled([edit('b'), edit('c')]);
    expect(edits.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(edits.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'conflict', message: expect.stringContaining('at revision 2 now') } });
  });

  it('is so for aliases of models too', async () => {
    await registerStubModel(gateway, 'aliased');
    const move = (expected: number) => gateway.graphql(`mutation { setModelAlias(model: "aliased", alias: "champion", version: 1, expectedVersion: ${expected}) { version } }`);
    await expect(move(2)).rejects.toMatchObject({ code: 'conflict' });
    await move(0);
  });
});

describe('the audit trail', () => {
  const AUDIT = 'query ($filter: AuditFilterInput) { auditEntries(first: 5, filter: $filter) { nodes { id at principal role operation arguments requestId outcome changes { table rowId before after } } pageInfo { hasNextPage endCursor } } }';
  const audit = async (filter: object, key?: string) => (await gateway.graphql(AUDIT, { filter }, key))['auditEntries'].nodes as any[];

  it('tells who did what, with each row as it was and as it became', async () => {
    for (const _ of [1, 2]) await gateway.graphql(CREATE_PROMPT, { input: prompt('audited') });
    const move = (version: number) => post(gateway, { query: `mutation { setPromptLabels(name: "audited", version: ${version}, labels: ["production"]) { id } }` });
    await move(1);
    const { response } = await move(2);
    const requestId = response.headers.get('x-request-id')!;
    const [entry] = await audit({ requestId });
    expect(entry).toMatchObject({
      operation: 'setPromptLabels', principal: (await contextOf(gateway)).principal, role: 'admin', outcome: 'ok',
      arguments: { name: 'audited', version: 2, labels: ['production'] },
      changes: [{ table: 'prompt_labels', before: { version: 1 }, after: { version: 2 } }],
    });
    expect(await audit({ rowId: entry.changes[0].rowId })).toEqual([entry, ...(await audit({ rowId: entry.changes[0].rowId })).slice(1)]);
  });

  it('tells of what failed, and holds no secret', async () => {
    const create = 'mutation ($input: CreateProviderInput!) { createProvider(input: $input) { id } }';
    const apiKey = 'sk-very-secret-0123456789';
    for (const _ of [1, 2]) await gateway.graphql(create, { input: { name: 'openai', baseUrl: 'http://127.0.0.1:9/v1', apiKey } }).catch(() => undefined);
    const [failed, made] = await audit({ operation: 'createProvider' });
    expect(failed).toMatchObject({ outcome: 'conflict', changes: [] });
    expect(made).toMatchObject({ outcome: 'ok', arguments: { input: { apiKey: '[hidden]' } }, changes: [{ table: 'providers', before: null, after: { name: 'openai' } }] });
    expect(JSON.stringify([failed, made])).not.toMatch(/very-secret|encrypted/);
  });

  it('tells of arguments that Postgres cannot hold, whether they fail or are cut in the middle of a character', async () => {
    const create = (description: string) => post(gateway, { query: CREATE_PROMPT, variables: { input: { ...prompt('cut'), commitMessage: description } } });
    const failed = await create('nul \0 and half \ud83d');
    expect(failed.errors).toHaveLength(1);
    expect(await audit({ requestId: failed.response.headers.get('x-request-id')! })).toMatchObject([{ operation: 'createPromptVersion', arguments: { input: { commitMessage: 'nul \uFFFD and half \uFFFD' } } }]);
    const messages = [{ role: 'user', content: `${'a'.repeat(999)}😀` }];
    const made = await post(gateway, { query: CREATE_PROMPT, variables: { input: { ...prompt('cut'), messages } } });
    expect(made.errors).toBeUndefined();
    expect(await audit({ requestId: made.response.headers.get('x-request-id')! })).toMatchObject([{ outcome: 'ok', arguments: { input: { messages: [{ content: `${'a'.repeat(999)}\uFFFD… (1001 characters)` }] } } }]);
  });

  it('is the tenant\'s own, and cannot be changed', async () => {
    expect(await audit({}, gateway.otherKey)).not.toContainEqual(expect.objectContaining({ operation: 'createProvider' }));
    const tenant = gateway.app.get(Database).manager(await contextOf(gateway));
    await expect(tenant.query("UPDATE audit_entries SET outcome = 'forged'")).rejects.toThrow('permission denied');
    await expect(tenant.query('DELETE FROM audit_changes')).rejects.toThrow('permission denied');
  });
});

describe('a command of the platform\'s', () => {
  const CREATE_PROJECT = 'mutation ($name: String!, $key: String) { createProject(name: $name, idempotencyKey: $key) { secret project { id name } } }';

  it('is one transaction too: the project, its key, the audit entry and the answer, secret included', async () => {
    const key = randomUUID();
    const first = await gateway.graphql(CREATE_PROJECT, { name: 'acme', key });
    expect(await gateway.graphql(CREATE_PROJECT, { name: 'acme', key })).toEqual(first);
    await expect(gateway.graphql(CREATE_PROJECT, { name: 'acme' })).rejects.toMatchObject({ code: 'conflict' });
    const { auditEntries } = await gateway.graphql('{ auditEntries(first: 3, filter: { operation: "createProject" }) { nodes { outcome changes { table rowId after } } } }');
    const [refused, replayed, made] = auditEntries.nodes;
    expect(refused).toMatchObject({ outcome: 'conflict', changes: [] });
    expect(replayed).toMatchObject({ outcome: 'replayed', changes: [] });
    expect(made.changes.map(({ table }: any) => table)).toEqual(['projects', 'api_keys']);
    expect(JSON.stringify(made)).not.toContain(first['createProject'].secret);
  });
});
