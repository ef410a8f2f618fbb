import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../src/database/database.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { contextOf, registerStubModel } from '../helpers/stub-model.js';

let gateway: Gateway;
beforeAll(async () => { gateway = await startGateway(); });
afterAll(() => gateway.stop());

const CREATE = 'mutation ($input: CreatePromptVersionInput!, $key: String) { createPromptVersion(input: $input, idempotencyKey: $key) { id version createdAt labels } }';
const prompt = (name: string, content = 'Say {{what}}') => ({ name, messages: [{ role: 'user', content }] });
const versionsOf = async (name: string, key?: string) =>
  (await gateway.graphql('query ($name: String!) { prompt(name: $name, label: "latest") { version } }', { name }, key))['prompt'].version;

async function post(body: object, headers: Record<string, string>) {
  const response = await gateway.fetch('/graphql', { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
  return { response, ...(await response.json()) as { data: any; errors?: { message: string; extensions: { code: string } }[] } };
}

describe('a command under an idempotency key (#15)', () => {
  it('is done once, however often it is asked for at a time; the rest get its answer or 409', async () => {
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 50 }, () => post({ query: CREATE, variables: { input: prompt('once'), key } }, {})));
    const done = answers.filter(({ data }) => data);
    expect(new Set(done.map(({ data }) => data.createPromptVersion.id)).size).toBe(1);
    expect(done.filter(({ response }) => response.headers.get('idempotent-replayed') === null)).toHaveLength(1);
    expect(answers.flatMap(({ errors }) => errors ?? []).filter(({ extensions }) => extensions.code !== 'conflict')).toEqual([]);
    expect(await versionsOf('once')).toBe(1);
  });

  it('answers the same later, dates and nested fields too, by argument or by header', async () => {
    const [first, again] = [await post({ query: CREATE, variables: { input: prompt('same') } }, { 'idempotency-key': 'h-1' }), await post({ query: CREATE, variables: { input: prompt('same') } }, { 'idempotency-key': 'h-1' })];
    expect(again.data).toEqual(first.data);
    expect(again.data.createPromptVersion).toMatchObject({ createdAt: expect.stringMatching(/^20/), labels: ['latest'] });
    expect(again.response.headers.get('idempotent-replayed')).toBe('true');
  });

  it('is refused with other arguments, and not confused by the order of fields', async () => {
    const key = randomUUID();
    await gateway.graphql(CREATE, { input: prompt('order'), key });
    const { messages, name } = prompt('order');
    await gateway.graphql(CREATE, { input: { messages, name }, key });
    await expect(gateway.graphql(CREATE, { input: prompt('order', 'Other'), key })).rejects.toMatchObject({ code: 'idempotency_mismatch' });
    expect(await versionsOf('order')).toBe(1);
  });

  it('belongs to its tenant', async () => {
    const key = randomUUID();
    await gateway.graphql(CREATE, { input: prompt('mine'), key });
    await gateway.graphql(CREATE, { input: prompt('theirs'), key }, gateway.otherKey);
    expect(await versionsOf('theirs', gateway.otherKey)).toBe(1);
  });

  it('may be tried again after a failure, which left nothing behind', async () => {
    const key = randomUUID();
    const broken = { input: { ...prompt('retry'), type: 'text' }, key };
    await gateway.graphql(CREATE, { input: prompt('retry') });
    await expect(gateway.graphql(CREATE, broken)).rejects.toMatchObject({ code: 'conflict' });
    await gateway.graphql(CREATE, { input: prompt('retry'), key });
    expect(await versionsOf('retry')).toBe(2);
  });

  it('tells the fields of one document apart under one header', async () => {
    const query = `mutation { a: createPromptVersion(input: { name: "two", messages: [{ role: user, content: "x" }] }) { version } b: createPromptVersion(input: { name: "two", messages: [{ role: user, content: "x" }] }) { version } }`;
    for (const _ of [1, 2]) expect((await post({ query }, { 'idempotency-key': 'doc' })).data).toEqual({ a: { version: 1 }, b: { version: 2 } });
  });

  it.each(['', 'with space', 'x'.repeat(256), 'ü'])('is refused when the key is %j', async (key) => {
    await expect(gateway.graphql(CREATE, { input: prompt('never'), key })).rejects.toMatchObject({ code: 'bad_input' });
  });

  it('makes one file of an upload that is sent twice', async () => {
    const upload = async (text: string) => {
      const form = new FormData();
      form.append('purpose', 'fine-tune');
      form.append('file', new Blob([text]), 'rows.jsonl');
      const response = await gateway.fetch('/v1/files', { method: 'POST', body: form, headers: { 'idempotency-key': 'upload-1' } });
      return { status: response.status, body: await response.json() as any };
    };
    const first = await upload('{"a":1}\n');
    expect(await upload('{"a":1}\n')).toEqual(first);
    expect(await upload('{"a":2}\n')).toMatchObject({ status: 422, body: { error: { code: 'idempotency_mismatch' } } });
    const { data } = await (await gateway.fetch('/v1/files')).json() as any;
    expect(data.filter((file: any) => file.filename === 'rows.jsonl')).toHaveLength(1);
    const remove = () => gateway.fetch(`/v1/files/${first.body.id}`, { method: 'DELETE', headers: { 'idempotency-key': 'remove-1' } }).then((response) => response.json());
    expect(await remove()).toEqual(await remove());
  });
});

describe('two people who edit one thing', () => {
  it('do not undo each other: the second is told that it moved', async () => {
    for (const _ of [1, 2, 3]) await gateway.graphql(CREATE, { input: prompt('shared') });
    const move = (version: number, expected: number) =>
      gateway.graphql(`mutation { setPromptLabels(name: "shared", version: ${version}, labels: ["live"], expectedVersion: ${expected}) { version } }`);
    await move(1, 0);
    const moves = await Promise.allSettled([move(2, 1), move(3, 1)]);
    expect(moves.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(moves.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'conflict', message: expect.stringContaining('another moved it') } });
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
    for (const _ of [1, 2]) await gateway.graphql(CREATE, { input: prompt('audited') });
    const move = (version: number) => post({ query: `mutation { setPromptLabels(name: "audited", version: ${version}, labels: ["production"]) { id } }` }, {});
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
    const { auditEntries } = await gateway.graphql('{ auditEntries(first: 2, filter: { operation: "createProject" }) { nodes { outcome changes { table rowId after } } } }');
    const [refused, made] = auditEntries.nodes;
    expect(refused).toMatchObject({ outcome: 'conflict', changes: [] });
    expect(made.changes.map(({ table }: any) => table)).toEqual(['projects', 'api_keys']);
    expect(JSON.stringify(made)).not.toContain(first['createProject'].secret);
  });
});
