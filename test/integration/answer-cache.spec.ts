import { Redis } from 'ioredis';
import { register } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import type { Config } from '../../src/config/config.js';
import { AnswerCache, type CacheKey } from '../../src/gateway/routing/answer-cache.js';
import { startStallingProxy } from '../helpers/stalling-proxy.js';

const policy = { ttlSeconds: 60, onlyDeterministic: false };
const request = { messages: [{ role: 'user', content: 'the secret question' }], temperature: 0.7, tools: [{ b: 1, a: [1, 2] }] };
const config = (url: string, key = 'k') => ({ REDIS_URL: url, TRIAD_SECRET_KEY: Buffer.alloc(32, key).toString('base64') }) as Config;

describe('the answer cache', () => {
  const url = inject('redisUrl');
  let redis: Redis;
  const made: AnswerCache[] = [];
  const cacheOver = async (at: string, key?: string) => {
    const cache = new AnswerCache(config(at, key));
    made.push(cache);
    await vi.waitFor(() => expect((cache as unknown as { redis: Redis }).redis.status).toBe('ready'));
    return cache;
  };
  const keyOf = (cache: AnswerCache, projectId = 'proj_a', of: Record<string, unknown> = request, target = 'p/m', operation = 'chat') => cache.keyOf(projectId, operation, target, of, policy)!;
  const outcomes = async (): Promise<Record<string, number>> => Object.fromEntries((await register.getSingleMetric('triad_gateway_cache_total')!.get()).values.map(({ labels, value }) => [labels['outcome'], value]));
  const stored = async (cache: AnswerCache, key: CacheKey, text: string) => {
    cache.put(key, text, policy);
    await vi.waitFor(async () => expect(await cache.get(key)).not.toBeNull());
  };
  beforeAll(() => { redis = new Redis(url); });
  afterEach(async () => {
    made.splice(0).forEach((cache) => cache.onModuleDestroy());
    const keys = await redis.keys('triad:answers:*');
    if (keys.length > 0) await redis.del(keys);
  });
  afterAll(() => redis.disconnect());

  it('answers the same request of the same project, however it is written, until its time is over', async () => {
    const cache = await cacheOver(url);
    expect(await cache.get(keyOf(cache))).toBeNull();
    await stored(cache, keyOf(cache), '{"id":"ä"}');
    const same = { tools: [{ a: [1, 2], b: 1 }], user: 'somebody', metadata: { a: 'b' }, stream: true, stream_options: { include_usage: true }, temperature: 0.7, messages: [{ content: 'the secret question', role: 'user' }], n: undefined };
    expect(await (await cacheOver(url)).get(keyOf(cache, 'proj_a', same))).toEqual({ text: '{"id":"ä"}', age: 0 });
    expect(await redis.ttl(keyOf(cache).key)).toBeGreaterThan(50);
    for (const other of [
      keyOf(cache, 'proj_b'), keyOf(cache, 'proj_a', { ...request, temperature: 0.8 }), keyOf(cache, 'proj_a', { ...request, tools: [{ a: [2, 1], b: 1 }] }),
      keyOf(cache, 'proj_a', request, 'p/other'), keyOf(cache, 'proj_a', request, 'p/m', 'completion'), keyOf(cache, 'proj_a', { ...request, seed: 1 }),
    ]) expect(await cache.get(other)).toBeNull();
  });

  it('holds in Redis neither texts nor what a guess could be checked against', async () => {
    const cache = await cacheOver(url);
    await stored(cache, keyOf(cache), '{"content":"the secret answer"}');
    const [name] = await redis.keys('triad:answers:*');
    const bytes = (await redis.getBuffer(name!))!.toString('latin1');
    expect(bytes).not.toContain('secret');
    expect(keyOf(await cacheOver(url, 'x')).key).not.toBe(name);
  });

  it('takes no answer that was moved to another project or request, or changed', async () => {
    const cache = await cacheOver(url);
    await stored(cache, keyOf(cache), '{"content":"mine"}');
    const bytes = (await redis.getBuffer(keyOf(cache).key))!;
    for (const other of [keyOf(cache, 'proj_b'), keyOf(cache, 'proj_a', {})]) {
      await redis.set(other.key, bytes);
      expect(await cache.get(other)).toBeNull();
    }
    bytes[bytes.length - 1]! ^= 1;
    await redis.set(keyOf(cache).key, bytes);
    expect(await cache.get(keyOf(cache))).toBeNull();
    await redis.set(keyOf(cache).key, 'x');
    expect(await cache.get(keyOf(cache))).toBeNull();
  });

  it('keeps neither images nor, if so wished, what chance decides, nor what is very long', async () => {
    const cache = await cacheOver(url);
    expect(cache.keyOf('proj_a', 'image', 'p/m', request, policy)).toBeNull();
    const strict = { ...policy, onlyDeterministic: true };
    expect([request, { ...request, temperature: 0 }, { ...request, seed: 7 }].map((each) => cache.keyOf('proj_a', 'chat', 'p/m', each, strict) !== null)).toEqual([false, true, true]);
    expect(cache.keyOf('proj_a', 'embedding', 'p/m', { input: 'x' }, strict)).not.toBeNull();
    const before = (await outcomes())['skipped'] ?? 0;
    cache.put(keyOf(cache), 'x'.repeat(600_000), policy);
    expect((await outcomes())['skipped']).toBe(before + 1);
  });

  it('leaves room for the queues', async () => {
    const cache = await cacheOver(url);
    // Other tests work on this Redis; it is not to be full for them.
    const info = vi.spyOn((cache as unknown as { redis: Redis }).redis, 'info').mockResolvedValue('# Memory\r\nused_memory:80\r\nmaxmemory:100\r\n');
    const before = (await outcomes())['skipped'] ?? 0;
    cache.put(keyOf(cache), 'x', policy);
    await vi.waitFor(async () => expect((await outcomes())['skipped']).toBe(before + 1));
    cache.put(keyOf(cache), 'x', policy);
    await vi.waitFor(async () => expect((await outcomes())['skipped']).toBe(before + 2));
    expect(info).toHaveBeenCalledOnce();
    expect(await redis.exists(keyOf(cache).key)).toBe(0);
  });

  it('is a miss while Redis hangs, asks it once a second, and comes back', async () => {
    const proxy = await startStallingProxy(url);
    try {
      const cache = await cacheOver(proxy.url);
      const key = keyOf(cache);
      await stored(cache, key, 'kept');
      proxy.stall();
      expect(await Promise.all([1, 2, 3].map(() => cache.get(key)))).toEqual([null, null, null]);
      cache.put(key, 'other', policy); // nothing waits for it
      proxy.resume();
      await vi.waitFor(async () => expect(await cache.get(key)).toMatchObject({ text: 'kept' }), { timeout: 10_000 });
    } finally {
      await proxy.stop();
    }
    const nowhere = new AnswerCache(config('redis://127.0.0.1:1'));
    made.push(nowhere);
    expect(await nowhere.get(keyOf(nowhere))).toBeNull();
  });
});
