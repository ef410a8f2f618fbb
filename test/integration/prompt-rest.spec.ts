import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../helpers/gateway.js';

describe('prompts over REST', () => {
  let gateway: Gateway;
  beforeAll(async () => { gateway = await startGateway(); });
  afterAll(() => gateway.stop());

  const get = async (path: string) => { const answer = await gateway.fetch(path); return { status: answer.status, body: await answer.json() as Record<string, any> }; };
  const post = async (body: unknown, headers: Record<string, string> = {}) => {
    const answer = await gateway.fetch('/v1/prompts', { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
    return { status: answer.status, replayed: answer.headers.get('idempotent-replayed'), body: await answer.json() as Record<string, any> };
  };

  it('are made and fetched by the names that Langfuse has', async () => {
    const made = await post({ name: 'rest/deep/greet', prompt: 'Hi {{name}}', config: { temperature: 0.3 }, labels: ['production'], tags: ['t'], commitMessage: 'first' });
    expect(made).toMatchObject({ status: 201, body: { id: expect.stringMatching(/^prmv_/), name: 'rest/deep/greet', type: 'text', prompt: 'Hi {{name}}', version: 1, labels: ['production', 'latest'], tags: ['t'], commitMessage: 'first', config: { temperature: 0.3 } } });
    const chat = [{ role: 'system', content: 'a' }, { role: 'user', content: '{{b}}' }];
    expect(await post({ name: 'rest/chat', type: 'chat', prompt: chat.map((message) => ({ ...message, type: 'chatmessage' })) })).toMatchObject({ status: 201, body: { type: 'chat', prompt: chat, labels: ['latest'] } });
    await post({ name: 'rest/deep/greet', prompt: 'Hello {{name}}' });
    for (const [path, version] of [['rest/deep/greet', 1], ['rest%2Fdeep%2Fgreet', 1], ['rest/deep/greet?label=latest', 2], ['rest/deep/greet?version=2', 2], ['rest/deep/greet?label=production', 1]] as const) {
      expect([path, await get(`/v1/prompts/${path}`)]).toMatchObject([path, { status: 200, body: { version } }]);
    }
  });

  it.each([
    ['rest/deep/greet?label=none', 404, 'not_found'], ['rest/deep/greet?version=9', 404, 'not_found'], ['rest/none', 404, 'not_found'], ['rest/chat', 404, 'not_found'],
    ['rest/deep/greet?label=production&version=1', 400, 'bad_input'], ['rest/deep/greet?label=NO', 400, 'bad_input'], ['rest/deep/greet?version=0', 400, 'bad_input'], ['rest/deep/greet?version=1.5', 400, 'bad_input'],
    ['rest/deep/greet?labl=x', 400, 'bad_input'], ['', 200, undefined],
  ])('answers %s with %i', async (path, status, code) => {
    const answer = await get(`/v1/prompts${path && `/${path}`}`);
    expect([answer.status, answer.body['error']?.code]).toEqual([status, code]);
  });

  it.each([
    [{ prompt: 'x' }, 'name'], [{ name: 'x' }, 'prompt'], [{ name: 'x', prompt: [{ role: 'robot', content: '' }], type: 'chat' }, 'prompt'], [{ name: 'x', prompt: 'y', type: 'chat' }, 'prompt'],
    [{ name: 'x', prompt: [{ role: 'user', content: 'y' }] }, 'prompt'], [{ name: '/x', prompt: 'y' }, 'name'], [{ name: 'x', prompt: 'y', config: { temperature: 9 } }, 'config.temperature'], [{ name: 'x', prompt: 'y', labels: ['latest'] }, 'labels'],
    [{ name: 'x', prompt: 'y', extra: 1 }, null], ['x', null], [[], null], [null, null],
  ])('refuses %j', async (body, param) => {
    const { status, body: { error } } = await post(body) as { status: number; body: any };
    expect([status, error.code]).toEqual([400, 'bad_input']);
    if (param) expect(error.param).toBe(param);
  });

  it('are listed a page at a time, filtered', async () => {
    for (let index = 0; index < 5; index++) await post({ name: `page/p${index}`, prompt: 'x', labels: index === 3 ? ['three'] : [] });
    const first = await get('/v1/prompts?folder=page&limit=3');
    expect(first.body).toMatchObject({ object: 'list', has_more: true, next: expect.any(String), data: [{ name: 'page/p4', type: 'text', latestVersion: 1, labels: [], archivedAt: null }, { name: 'page/p3', labels: ['three'] }, { name: 'page/p2' }] });
    expect((await get(`/v1/prompts?folder=page&limit=3&after=${first.body['next']}`)).body).toMatchObject({ has_more: false, next: null, data: [{ name: 'page/p1' }, { name: 'page/p0' }] });
    expect((await get('/v1/prompts?label=three')).body['data']).toHaveLength(1);
    expect((await get('/v1/prompts?search=hello')).body['data']).toMatchObject([{ name: 'rest/deep/greet' }]);
    await gateway.graphql('mutation { archivePrompt(name: "page/p0") { id } }');
    expect((await get('/v1/prompts?folder=page&archived=true')).body['data']).toMatchObject([{ name: 'page/p0', archivedAt: expect.any(String) }]);
    for (const wrong of ['limit=0', 'limit=x', 'after=zz', 'archived=maybe', 'other=1']) expect((await get(`/v1/prompts?${wrong}`)).status).toBe(400);
  });

  it('makes one version under one idempotency key', async () => {
    const key = { 'idempotency-key': 'once' };
    expect(await post({ name: 'once', prompt: 'x' }, key)).toMatchObject({ status: 201, replayed: null, body: { version: 1 } });
    expect(await post({ name: 'once', prompt: 'x' }, key)).toMatchObject({ replayed: 'true', body: { version: 1 } });
    expect(await post({ name: 'once', prompt: 'y' }, key)).toMatchObject({ status: 422 });
  });
});
