import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../src/database/database.js';
import { type AnthropicFake, startAnthropicFake } from '../helpers/anthropic-fake.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { type OpenAiFake, startOpenAiFake } from '../helpers/openai-fake.js';
import { contextOf } from '../helpers/stub-model.js';

const FIELDS = 'id name kind baseUrl hasKey headers { name value } prices { model input output cachedInput cacheWrite image }';
const CREATE = `mutation ($input: CreateProviderInput!) { createProvider(input: $input) { ${FIELDS} } }`;
const UPDATE = `mutation ($id: ID!, $input: UpdateProviderInput!) { updateProvider(id: $id, input: $input) { ${FIELDS} } }`;
const TEST = 'mutation ($id: ID!) { testProvider(id: $id) { ok status models message latencyMs } }';
const DELETE = 'mutation ($id: ID!) { deleteProvider(id: $id) }';
const DEPLOY = 'mutation ($input: CreateDeploymentInput!) { createDeployment(input: $input) { id } }';

describe('providers', () => {
  let openai: OpenAiFake;
  let anthropic: AnthropicFake;
  let gateway: Gateway;
  let count = 0;
  const create = async (input: object): Promise<any> => (await gateway.graphql(CREATE, { input: { name: `p${count += 1}`, baseUrl: openai.url, ...input } })).createProvider;
  const ask = (model: string) => gateway.fetch('/v1/chat/completions', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model, messages: [{ role: 'user', content: 'olleh' }] }) });
  beforeAll(async () => {
    openai = await startOpenAiFake({ served: [{ id: 'gpt-y' }, { id: 'gpt-x' }] });
    anthropic = await startAnthropicFake();
    gateway = await startGateway();
  });
  afterAll(async () => {
    await gateway.stop();
    await openai.stop();
    await anthropic.stop();
  });

  it('have a kind, headers and prices, which can be changed; what is left out stays', async () => {
    const provider = await create({ kind: 'anthropic', apiKey: 'sk-1', headers: [{ name: 'Anthropic-Beta', value: 'x' }], prices: [{ model: 'claude-*', input: 3, output: 15, cachedInput: 0.3, cacheWrite: 3.75 }] });
    expect(provider).toMatchObject({ kind: 'anthropic', headers: [{ name: 'anthropic-beta', value: 'x' }], prices: [{ model: 'claude-*', cachedInput: 0.3, image: null }] });
    const { updateProvider } = await gateway.graphql(UPDATE, { id: provider.id, input: { prices: [{ model: 'sdxl', input: 0, image: 0.02 }] } });
    expect(updateProvider).toMatchObject({ ...provider, prices: [{ model: 'sdxl', input: 0, output: 0, image: 0.02, cachedInput: null }] });
    expect((await gateway.graphql(UPDATE, { id: provider.id, input: { headers: [] } })).updateProvider).toMatchObject({ headers: [], prices: updateProvider.prices, hasKey: true });
    expect((await create({})).kind).toBe('openai');
  });

  it.each([
    [{ headers: [{ name: 'Authorization', value: 'Bearer x' }] }, 'looks like a secret'],
    [{ headers: [{ name: 'Host', value: 'x' }] }, 'set by the gateway'],
    [{ prices: [{ model: 'gpt*4', input: 1, output: 1 }] }, 'before its end'],
    [{ prices: [{ model: 'm', input: 1 }, { model: 'm', input: 2 }] }, 'two prices'],
    [{ prices: [{ model: 'm', input: 1, cachedInput: -1 }] }, 'cachedInput'],
    [{ baseUrl: 'http://h/v1?x=1' }, 'neither ? nor #'],
    [{ apiKey: 'sk-\n1' }, 'line breaks'],
  ])('are refused with %j', async (input, message) => {
    await expect(create(input)).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining(message) });
  });

  it('are called with a rotated key at once', async () => {
    const { id, name } = await create({ apiKey: 'sk-old' });
    await ask(`${name}/gpt-x`);
    expect(openai.seen.at(-1)!.authorization).toBe('Bearer sk-old');
    await gateway.graphql('mutation ($id: ID!) { rotateProviderKey(id: $id, apiKey: "sk-new") { id } }', { id });
    await ask(`${name}/gpt-x`);
    expect(openai.seen.at(-1)!.authorization).toBe('Bearer sk-new');
    await expect(gateway.graphql('mutation ($id: ID!) { rotateProviderKey(id: $id, apiKey: "") { id } }', { id })).rejects.toMatchObject({ code: 'bad_input' });
    const { auditEntries } = await gateway.graphql('query ($id: String!) { auditEntries(filter: { rowId: $id }) { nodes { operation arguments changes { before after } } } }', { id });
    expect(auditEntries.nodes.map((entry: any) => entry.operation)).toContain('rotateProviderKey');
    expect(JSON.stringify(auditEntries)).not.toContain('sk-new');
  });

  it('keep their key from a place that it was not given for', async () => {
    const { id } = await create({ apiKey: 'sk-1', baseUrl: 'https://api.example.com/v1' });
    await expect(gateway.graphql(UPDATE, { id, input: { baseUrl: 'https://evil.example.com/v1' } })).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('https://evil.example.com') });
    expect((await gateway.graphql(UPDATE, { id, input: { baseUrl: 'https://api.example.com/v2/' } })).updateProvider.baseUrl).toBe('https://api.example.com/v2');
    expect((await gateway.graphql(UPDATE, { id, input: { baseUrl: 'https://other.example.com/v1', apiKey: 'sk-2' } })).updateProvider).toMatchObject({ baseUrl: 'https://other.example.com/v1', hasKey: true });
    const { id: keyless } = await create({});
    expect((await gateway.graphql(UPDATE, { id: keyless, input: { baseUrl: 'https://new.example.com/v1' } })).updateProvider.hasKey).toBe(false);
  });

  it('say of themselves whether they can be used', async () => {
    const test = async (input: object) => (await gateway.graphql(TEST, { id: (await create(input)).id })).testProvider;
    expect(await test({})).toMatchObject({ ok: true, status: 200, models: ['gpt-x', 'gpt-y'], message: null });
    expect(await test({ kind: 'anthropic', baseUrl: anthropic.url, apiKey: 'sk-ant' })).toMatchObject({ ok: true, models: ['claude-fake-1'] });
    expect(await test({ kind: 'anthropic', baseUrl: anthropic.url })).toMatchObject({ ok: false, status: 401, message: 'It wants a key, and none is stored.' });
    expect(await test({ baseUrl: anthropic.url, apiKey: 'sk-ant' })).toMatchObject({ ok: false, status: 401, message: 'It refused the key stored for it.' });
    expect(await test({ kind: 'stable_diffusion_webui' })).toMatchObject({ ok: false, status: 404, message: expect.stringContaining('check baseUrl and kind') });
    expect(await test({ baseUrl: 'http://127.0.0.1:9/v1' })).toMatchObject({ ok: false, status: null, message: expect.stringContaining('Nothing answers') });
  });

  it('are not deleted while a deployment names one of their models', async () => {
    const { id, name } = await create({});
    await gateway.graphql(DEPLOY, { input: { name: `of-${name}`, target: `${name}/gpt-x` } });
    await expect(gateway.graphql(DELETE, { id })).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining(`"of-${name}"`) });
    await gateway.graphql(DEPLOY, { input: { name: `spare-${name}`, routing: { arms: [{ target: 'p1/gpt-x', weight: 1 }], fallbacks: [`${name}/gpt-y`] } } });
    await gateway.graphql('mutation ($name: String!) { deleteDeployment(name: $name) }', { name: `of-${name}` });
    await expect(gateway.graphql(DELETE, { id })).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining(`"spare-${name}"`) });
    const spare = await create({});
    expect((await ask(`${spare.name}/gpt-x`)).status).toBe(200);
    expect((await gateway.graphql(DELETE, { id: spare.id })).deleteProvider).toBe(spare.id);
    expect((await ask(`${spare.name}/gpt-x`)).status).toBe(404);
    await expect(gateway.graphql(DELETE, { id: spare.id })).rejects.toMatchObject({ code: 'not_found' });
  });

  it('that are deleted while a deployment of them is made: one of both happens', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { id, name } = await create({});
      const [deleted, deployed] = await Promise.allSettled([gateway.graphql(DELETE, { id }), gateway.graphql(DEPLOY, { input: { name: `race-${name}`, target: `${name}/m` } })]);
      expect([deleted.status, deployed.status].sort()).toEqual(['fulfilled', 'rejected']);
    }
  });

  it('have the models with a price of their own in the list of models', async () => {
    const { name } = await create({ prices: [{ model: 'gpt-x', input: 1, output: 2 }, { model: 'gpt-*', input: 1, output: 2 }, { model: '*', input: 1, output: 2 }] });
    const { data } = await (await gateway.fetch('/v1/models')).json() as { data: { id: string; owned_by: string }[] };
    expect(data.filter(({ owned_by }) => owned_by === name)).toMatchObject([{ id: `${name}/gpt-x`, object: 'model' }]);
  });

  it('of another project are not there', async () => {
    const { id } = await create({});
    const asOther = (query: string, variables: object) => gateway.graphql(query, variables as Record<string, unknown>, gateway.otherKey);
    for (const [query, variables] of [[UPDATE, { id, input: {} }], [DELETE, { id }], [TEST, { id }], ['mutation ($id: ID!) { rotateProviderKey(id: $id, apiKey: "k") { id } }', { id }]] as const) {
      await expect(asOther(query, variables)).rejects.toMatchObject({ code: 'not_found' });
    }
  });

  it('that were there before have the kind openai', async () => {
    const { projectId } = await contextOf(gateway);
    const [row] = await gateway.app.get(Database).platform.query<{ kind: string; headers: object }[]>(
      'INSERT INTO providers (id, project_id, name, base_url) VALUES ($1, $2, $3, $4) RETURNING kind, headers', ['prov_old', projectId, 'old', 'https://old.example.com/v1']);
    expect(row).toEqual({ kind: 'openai', headers: {} });
  });
});
