import { Redis } from 'ioredis';
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { CONFIG, type Config } from '../../src/config/config.js';
import { limiterFallbacks } from '../../src/limits/limiter.service.js';
import { UsageService } from '../../src/limits/usage.service.js';
import { createJob, jsonl, prepareInputs, sentences, sftInput } from '../helpers/fine-tune.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { type OpenAiFake, startOpenAiFake } from '../helpers/openai-fake.js';
import { type StallingProxy, startStallingProxy } from '../helpers/stalling-proxy.js';
import { contextOf, registerStubModel } from '../helpers/stub-model.js';

const SET = 'mutation ($limits: LimitsInput!) { setProjectLimits(limits: $limits) { requestsPerMinute budget } }';
const SET_KEY = 'mutation ($id: ID!, $limits: LimitsInput!) { setApiKeyLimits(id: $id, limits: $limits) { requestsPerMinute } }';
const REPORT = '{ project { limits { promptTokens completionTokens cost project { name used limit resetsAt } key { name used limit } } } }';
const hello = [{ role: 'user' as const, content: 'olleh' }];
const NONE = {};

let fake: OpenAiFake;
let gateway: Gateway;
let openai: OpenAI;
let redis: Redis;
let before: (request: any) => Promise<void> = () => Promise.resolve();

beforeAll(async () => {
  fake = await startOpenAiFake({ before: (request) => before(request) });
  gateway = await startGateway({ env: { TRIAD_LIMITER_TIMEOUT_MS: '20000' } }); // a busy machine is not Redis away
  redis = new Redis(gateway.app.get<Config>(CONFIG).REDIS_URL);
  openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key, maxRetries: 0 });
  await gateway.graphql('mutation ($input: CreateProviderInput!) { createProvider(input: $input) { id prices { model input output } } }',
    { input: { name: 'fake', baseUrl: fake.url, prices: [{ model: '*', input: 1000, output: 2000 }, { model: 'gift', input: 0, output: 0 }] } });
  await registerStubModel(gateway, 'tiny');
  await prepareInputs(gateway);
});
afterAll(async () => {
  redis.disconnect();
  await gateway.stop();
  await fake.stop();
});
beforeEach(async () => {
  await forget();
});
afterEach(async () => {
  before = () => Promise.resolve();
  await forget();
  await set(NONE);
});

/** Empties the buckets. */
async function forget(): Promise<void> {
  const keys = await redis.keys('triad:limits:*');
  if (keys.length > 0) await redis.del(...keys);
}

/** Sets limits and waits until the gateway keeps to them; its notice comes by LISTEN/NOTIFY. */
async function set(limits: Record<string, number>, apply = () => gateway.graphql(SET, { limits }), of: 'project' | 'key' = 'project'): Promise<void> {
  await apply();
  await vi.waitFor(async () => {
    await forget();
    const { project: { limits: report } } = await gateway.graphql(REPORT);
    const found = report[of].filter((each: { limit: number | null }) => each.limit !== null).map(({ name, limit }: { name: string; limit: number }) => [name, limit]);
    expect(Object.fromEntries(found)).toEqual(limits);
  });
  await forget();
}

const list = (key = gateway.key) => gateway.fetch('/v1/files', { headers: { authorization: `Bearer ${key}` } });
const ask = (model = 'fake/m', more: object = {}) => openai.chat.completions.create({ model, messages: hello, max_completion_tokens: 20, ...more }).withResponse();
const report = async (name: string) => (await gateway.graphql(REPORT)).project.limits.project.find((each: { name: string }) => each.name === name);

describe('requests per minute', () => {
  it('counts REST and GraphQL requests alike, once each, and tells what is left', async () => {
    await set({ requestsPerMinute: 4 });
    const first = await list();
    expect(first.headers.get('x-ratelimit-limit-requests')).toBe('4');
    expect(first.headers.get('x-ratelimit-remaining-requests')).toBe('3');
    expect(first.headers.get('x-ratelimit-reset-requests')).toMatch(/^1[45]s$/);
    // Three root fields, one request.
    await gateway.graphql('{ a: models { nodes { id } } b: models { nodes { id } } c: prompts { nodes { name } } }');
    expect((await list()).headers.get('x-ratelimit-remaining-requests')).toBe('1');
    expect((await list()).status).toBe(200);
    const refused = await list();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(refused.headers.get('x-ratelimit-remaining-requests')).toBe('0');
    expect(await refused.json()).toEqual({ error: { type: 'requests', code: 'rate_limit_exceeded', param: null, message: expect.stringContaining('limit of 4 requests per minute. Try again in') } });
    const overGraphql = await gateway.fetch('/graphql', { method: 'POST', body: JSON.stringify({ query: '{ models { nodes { id } } }' }), headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' } });
    expect([overGraphql.status, await overGraphql.json()]).toMatchObject([429, { errors: [{ extensions: { code: 'rate_limited' } }] }]);
    expect(overGraphql.headers.get('retry-after')).toMatch(/^\d+$/);
  });

  it('lets exactly as many through of many at once', async () => {
    await set({ requestsPerMinute: 7 });
    const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await list()).status));
    expect(statuses.filter((status) => status === 200)).toHaveLength(7);
    expect(statuses.filter((status) => status === 429)).toHaveLength(13);
  });

  it('limits a key within its project, and no other tenant; health stays out of it', async () => {
    const { principal } = await contextOf(gateway);
    const id = principal.slice('key:'.length);
    await set({ requestsPerMinute: 1 }, () => gateway.graphql(SET_KEY, { id, limits: { requestsPerMinute: 1 } }), 'key');
    expect((await list()).status).toBe(200);
    expect(await (await list()).json()).toMatchObject({ error: { message: expect.stringContaining('This API key') } });
    expect((await list(gateway.otherKey)).status).toBe(200);
    expect((await gateway.fetch('/health/live')).headers.has('x-ratelimit-limit-requests')).toBe(false);
    await forget();
    expect((await gateway.graphql('{ viewer { apiKey { limits { requestsPerMinute budget } } } }')).viewer.apiKey.limits).toEqual({ requestsPerMinute: 1, budget: null });
    await forget();
    await expect(gateway.graphql(SET_KEY, { id, limits: { requestsPerMinute: 9 } }, gateway.otherKey)).rejects.toMatchObject({ code: 'not_found' });
    await set({}, () => gateway.graphql(SET_KEY, { id, limits: NONE }), 'key');
  });

  it('stay with a key when it is rotated', async () => {
    const { createApiKey: { apiKey: { id } } } = await gateway.graphql('mutation { createApiKey(name: "bounded", role: viewer) { apiKey { id } } }');
    await gateway.graphql(SET_KEY, { id, limits: { ...NONE, requestsPerMinute: 7 } });
    const { rotateApiKey: { apiKey } } = await gateway.graphql('mutation ($id: ID!) { rotateApiKey(id: $id) { apiKey { limits { requestsPerMinute } } } }', { id });
    expect(apiKey.limits).toEqual({ requestsPerMinute: 7 });
  });

  it('asks Redis nothing when nothing is limited', async () => {
    const answer = await list();
    expect([answer.status, answer.headers.has('x-ratelimit-limit-requests')]).toEqual([200, false]);
    expect(await redis.keys('triad:limits:*')).toEqual([]);
  });

  it('is set by admins only', async () => {
    const { createApiKey: { secret } } = await gateway.graphql('mutation { createApiKey(name: "e", role: deployer) { secret } }');
    await expect(gateway.graphql(SET, { limits: NONE }, secret)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(gateway.graphql(SET_KEY, { id: 'key_1', limits: NONE }, secret)).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('is set by platform keys for themselves, and not by a project\'s admins', async () => {
    const { createApiKey: { secret } } = await gateway.graphql('mutation { createApiKey(name: "a", role: admin) { secret } }');
    const { viewer: { platform, apiKey: { id } } } = await gateway.graphql('{ viewer { platform apiKey { id } } }');
    expect(platform).toBe(true);
    await expect(gateway.graphql(SET_KEY, { id, limits: { requestsPerMinute: 1 } }, secret)).rejects.toMatchObject({ code: 'forbidden' });
    expect((await gateway.graphql('{ viewer { apiKey { limits { requestsPerMinute } } } }')).viewer.apiKey.limits.requestsPerMinute).toBeNull();
  });

  it('refuses a limit below zero', async () => {
    await expect(gateway.graphql(SET, { limits: { requestsPerMinute: -1 } })).rejects.toMatchObject({ code: 'bad_input' });
  });
});

describe('tokens per minute', () => {
  const used = async () => (await report('tokensPerMinute')).used;

  it('reserves an estimate and corrects it with what the answer used', async () => {
    await set({ tokensPerMinute: 1000 });
    let reserved = 0;
    before = async () => { reserved = await used(); };
    const { response } = await ask('fake/m', { max_completion_tokens: 300 });
    expect(reserved).toBeGreaterThan(300);
    expect(response.headers.get('x-ratelimit-limit-tokens')).toBe('1000');
    expect(Number(response.headers.get('x-ratelimit-remaining-tokens'))).toBeLessThan(700);
    // 10 of the prompt, 5 of the answer.
    await vi.waitFor(async () => expect(await used()).toBeLessThanOrEqual(15));
  });

  it('corrects a stream at its end, with and without usage, and when the client leaves', async () => {
    await set({ tokensPerMinute: 1000 });
    for (const more of [{ stream_options: { include_usage: true } }, {}]) {
      const stream = await openai.chat.completions.create({ model: 'fake/m', messages: hello, max_completion_tokens: 300, stream: true, ...more });
      for await (const _ of stream);
      await vi.waitFor(async () => expect(await used()).toBeLessThanOrEqual(60));
    }
    const leaving = new AbortController();
    const stream = await openai.chat.completions.create({ model: 'fake/falls-silent', messages: hello, max_completion_tokens: 300, stream: true }, { signal: leaving.signal });
    await stream[Symbol.asyncIterator]().next();
    leaving.abort();
    await vi.waitFor(async () => expect(await used()).toBeLessThanOrEqual(90));
  });

  it('gives back what a failed request reserved', async () => {
    await set({ tokensPerMinute: 1000 });
    for (const model of ['nowhere', 'fake/limits-rate', 'fake/refuses-key']) await expect(ask(model, { max_completion_tokens: 300 })).rejects.toMatchObject({ status: expect.any(Number) });
    await expect(openai.chat.completions.create({ model: 'fake/m', messages: [], max_completion_tokens: 300 })).rejects.toMatchObject({ status: 400 });
    await vi.waitFor(async () => expect(await used()).toBe(0));
  });

  it('refuses in OpenAI\'s words: by type, and for a request that can never fit', async () => {
    await set({ tokensPerMinute: 100 });
    await expect(ask('fake/m', { max_completion_tokens: 500 })).rejects.toMatchObject({ status: 429, type: 'tokens', code: 'rate_limit_exceeded', message: expect.stringContaining('Lower max_tokens') });
    before = () => new Promise((resolve) => { setImmediate(resolve); });
    const answers = await Promise.allSettled(Array.from({ length: 10 }, () => ask('fake/m', { max_completion_tokens: 60 })));
    const refused = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as { type: string; headers: Headers }] : []));
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]).toMatchObject({ status: 429, type: 'tokens' });
    expect(Number(refused[0]!.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  });
});

describe('budget', () => {
  it('is spent by prices, ends with insufficient_quota, which clients do not retry, and survives a lost Redis', async () => {
    await gateway.app.get(UsageService).flush();
    await set({ budget: 1_000_000 });
    const spent = async () => (await report('budget')).used as number;
    const start = (await gateway.graphql(REPORT)).project.limits.cost as number;
    // JSON's 1e999 is infinite here, and times the price of the call before, 0, no number at all.
    await ask('fake/gift');
    await gateway.fetch('/v1/chat/completions', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"model":"fake/gift","messages":[],"max_tokens":1e999}' });
    await ask();
    // 10 tokens at 1000 and 5 at 2000 per million.
    await vi.waitFor(async () => expect(await spent()).toBeCloseTo(start + 0.02, 6));
    await vi.waitFor(async () => expect((await gateway.graphql(REPORT)).project.limits.cost).toBeCloseTo(start + 0.02, 6), 10_000);
    await set({ budget: start + 0.01 });
    await vi.waitFor(async () => expect((await ask('fake/gift').catch((error: unknown) => error)) as object).toMatchObject({ status: 429 }));
    const refused = await ask().catch((error: unknown) => error) as { headers: Headers };
    expect(refused).toMatchObject({ status: 429, type: 'insufficient_quota', code: 'insufficient_quota', message: expect.stringContaining('has spent its budget') });
    expect(refused.headers.get('x-should-retry')).toBe('false');
    expect((await list()).status).toBe(200);
    await expect(createJob(gateway, sftInput(1))).rejects.toMatchObject({ code: 'insufficient_quota' });
  });
});

describe('quotas', () => {
  const runs = () => gateway.graphql('{ fineTuneJobs(first: 500) { nodes { id status } } }');
  const upload = async (content: string) => {
    const form = new FormData();
    form.append('purpose', 'fine-tune');
    form.append('file', new Blob([content]), 'rows.jsonl');
    const response = await gateway.fetch('/v1/files', { method: 'POST', body: form });
    return { status: response.status, body: await response.json() as { id: string; error: { code: string; message: string } } };
  };

  it('lets no more jobs be than allowed, of 20 created at once', async () => {
    await set({ concurrentJobs: 3 });
    const answers = await Promise.allSettled(Array.from({ length: 20 }, () => createJob(gateway, sftInput(1))));
    const refused = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as { code: string; message: string }] : []));
    expect(refused).toHaveLength(17);
    expect(refused[0]).toMatchObject({ code: 'quota_exceeded', message: expect.stringContaining('3 fine-tune jobs and evaluation runs that are not over, of 3 allowed') });
    const { fineTuneJobs: { nodes } } = await runs();
    expect(nodes).toHaveLength(3);
    expect(await report('concurrentJobs')).toMatchObject({ used: 3, limit: 3 });
    await gateway.graphql('mutation ($id: ID!) { cancelFineTuneJob(id: $id) { status } }', { id: nodes[0].id });
    expect(await createJob(gateway, sftInput(1))).toMatch(/^ftjob_/);
  });

  it('stores no more than allowed, of 10 uploads at once', async () => {
    const { used } = await report('storageBytes') as { used: number };
    const content = jsonl(sentences(0, 20));
    // Two fit, each with the rest of its form; a third does not.
    await set({ storageBytes: used + 3 * content.length - 1 });
    const answers = await Promise.all(Array.from({ length: 10 }, () => upload(content)));
    const kept = answers.filter(({ status }) => status === 200);
    expect(kept).toHaveLength(2);
    const refused = answers.find(({ status }) => status !== 200)!;
    expect(refused).toMatchObject({ status: 403, body: { error: { code: 'quota_exceeded', message: expect.stringMatching(/stores \d+ bytes of \d+ allowed/) } } });
    expect((await report('storageBytes')).used).toBe(used + 2 * content.length);
    await gateway.fetch(`/v1/files/${kept[0]!.body.id}`, { method: 'DELETE' });
    expect((await upload(content)).status).toBe(200);
  });
});

describe('Redis away', () => {
  let proxy: StallingProxy;
  let behind: Gateway;
  beforeAll(async () => {
    proxy = await startStallingProxy(inject('redisUrl'));
    behind = await startGateway({ env: { REDIS_URL: proxy.url, TRIAD_LIMITER_TIMEOUT_MS: '200' } });
    await behind.graphql(SET, { limits: { requestsPerMinute: 3 } });
  });
  afterAll(async () => {
    await behind.stop();
    await proxy.stop();
  });

  it('counts in memory, says so, and asks Redis again once it answers', async () => {
    const fallbacks = async () => (await limiterFallbacks.get()).values[0]?.value ?? 0;
    const status = async () => (await behind.fetch('/v1/files')).status;
    const limited = () => behind.fetch('/v1/files').then(({ headers }) => headers.get('x-ratelimit-limit-requests'));
    await vi.waitFor(async () => expect(await limited()).toBe('3'));
    const earlier = await fallbacks();
    proxy.stall();
    const statuses = [];
    for (let count = 0; count < 5; count += 1) statuses.push(await status());
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    expect(await fallbacks() - earlier).toBe(5);
    await redis.del(...await redis.keys('triad:limits:*'), 'none');
    proxy.resume();
    // In memory nothing is left for a minute; Redis has all of it.
    await vi.waitFor(async () => expect(await status()).toBe(200), 10_000);
  });
});
