import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CREATE_PROMPT, post, prompt } from '../helpers/commands.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';

let gateway: Gateway;
beforeAll(async () => { gateway = await startGateway(); });
afterAll(() => gateway.stop());

const versionsOf = async (name: string, key?: string) =>
  (await gateway.graphql('query ($name: String!) { prompt(name: $name, label: "latest") { version } }', { name }, key))['prompt'].version;

describe('#15 a command under an idempotency key', () => {
  it('is done once, however often it is asked for at a time; the rest get its answer or 409', async () => {
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 50 }, () => post(gateway, { query: CREATE_PROMPT, variables: { input: prompt('once'), key } })));
    const done = answers.filter(({ data }) => data);
    expect(new Set(done.map(({ data }) => data.createPromptVersion.id)).size).toBe(1);
    expect(done.filter(({ response }) => response.headers.get('idempotent-replayed') === null)).toHaveLength(1);
    expect(answers.flatMap(({ errors }) => errors ?? []).filter(({ extensions }) => extensions.code !== 'conflict')).toEqual([]);
    expect(await versionsOf('once')).toBe(1);
  });

  it('answers the same later, dates and nested fields too, by argument or by header', async () => {
    const [first, again] = [await post(gateway, { query: CREATE_PROMPT, variables: { input: prompt('same') } }, { 'idempotency-key': 'h-1' }), await post(gateway, { query: CREATE_PROMPT, variables: { input: prompt('same') } }, { 'idempotency-key': 'h-1' })];
    expect(again.data).toEqual(first.data);
    expect(again.data.createPromptVersion).toMatchObject({ createdAt: expect.stringMatching(/^20/), labels: ['latest'] });
    expect(again.response.headers.get('idempotent-replayed')).toBe('true');
  });

  it('is refused with other arguments, and not confused by the order of fields', async () => {
    const key = randomUUID();
    await gateway.graphql(CREATE_PROMPT, { input: prompt('order'), key });
    const { messages, name } = prompt('order');
    await gateway.graphql(CREATE_PROMPT, { input: { messages, name }, key });
    await expect(gateway.graphql(CREATE_PROMPT, { input: prompt('order', 'Other'), key })).rejects.toMatchObject({ code: 'idempotency_mismatch' });
    expect(await versionsOf('order')).toBe(1);
  });

  it('belongs to its tenant', async () => {
    const key = randomUUID();
    await gateway.graphql(CREATE_PROMPT, { input: prompt('mine'), key });
    await gateway.graphql(CREATE_PROMPT, { input: prompt('theirs'), key }, gateway.otherKey);
    expect(await versionsOf('theirs', gateway.otherKey)).toBe(1);
  });

  it('belongs to who used it first: another of the project gets neither the effect nor the answer, and a replay is audited', async () => {
    const [key, create] = [randomUUID(), 'mutation ($name: String!, $key: String) { createApiKey(name: $name, role: admin, idempotencyKey: $key) { secret } }'];
    const { createApiKey: { secret } } = await gateway.graphql(create, { name: 'second admin', key });
    expect(await gateway.graphql(create, { name: 'second admin', key })).toEqual({ createApiKey: { secret } });
    await expect(gateway.graphql(create, { name: 'second admin', key }, secret)).rejects.toMatchObject({ code: 'idempotency_mismatch' });
    const { auditEntries } = await gateway.graphql('{ auditEntries(first: 3, filter: { operation: "createApiKey" }) { nodes { outcome changes { table } } } }');
    expect(auditEntries.nodes.map(({ outcome }: any) => outcome)).toEqual(['idempotency_mismatch', 'replayed', 'ok']);
    expect(auditEntries.nodes[1].changes).toEqual([]);
  });

  it('may be tried again after a failure, which left nothing behind', async () => {
    const key = randomUUID();
    const broken = { input: { ...prompt('retry'), type: 'text' }, key };
    await gateway.graphql(CREATE_PROMPT, { input: prompt('retry') });
    await expect(gateway.graphql(CREATE_PROMPT, broken)).rejects.toMatchObject({ code: 'conflict' });
    await gateway.graphql(CREATE_PROMPT, { input: prompt('retry'), key });
    expect(await versionsOf('retry')).toBe(2);
  });

  it('tells the fields of one document apart under one header', async () => {
    const query = `mutation { a: createPromptVersion(input: { name: "two", messages: [{ role: user, content: "x" }] }) { version } b: createPromptVersion(input: { name: "two", messages: [{ role: user, content: "x" }] }) { version } }`;
    for (const _ of [1, 2]) expect((await post(gateway, { query }, { 'idempotency-key': 'doc' })).data).toEqual({ a: { version: 1 }, b: { version: 2 } });
  });

  it.each(['', 'with space', 'x'.repeat(256), 'ü'])('is refused when the key is %j', async (key) => {
    await expect(gateway.graphql(CREATE_PROMPT, { input: prompt('never'), key })).rejects.toMatchObject({ code: 'bad_input' });
  });

  it('makes one file of an upload that is sent twice', async () => {
    const upload = async (text: string) => {
      const form = new FormData();
      form.append('purpose', 'fine-tune');
      form.append('file', new Blob([text]), 'rows.jsonl');
      const response = await gateway.fetch('/v1/files', { method: 'POST', body: form, headers: { 'idempotency-key': 'upload-1' } });
      return { status: response.status, replayed: response.headers.get('idempotent-replayed'), body: await response.json() as any };
    };
    const first = await upload('{"a":1}\n');
    expect(await upload('{"a":1}\n')).toEqual({ ...first, replayed: 'true' });
    expect(await (await gateway.fetch(`/v1/files/${first.body.id}/content`)).text()).toBe('{"a":1}\n');
    expect(await upload('{"a":2}\n')).toMatchObject({ status: 422, body: { error: { code: 'idempotency_mismatch' } } });
    const { data } = await (await gateway.fetch('/v1/files')).json() as any;
    expect(data.filter((file: any) => file.filename === 'rows.jsonl')).toHaveLength(1);
    const remove = () => gateway.fetch(`/v1/files/${first.body.id}`, { method: 'DELETE', headers: { 'idempotency-key': 'remove-1' } }).then((response) => response.json());
    expect(await remove()).toEqual(await remove());
  });
});
