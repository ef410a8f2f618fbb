import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Config } from '../../src/config/config.js';
import type { Bucket } from '../../src/limits/buckets.js';
import { LimiterService } from '../../src/limits/limiter.service.js';

describe('permits taken ahead', () => {
  let redis: Redis;
  const url = new URL(inject('redisUrl'));
  url.pathname = '/15';
  const start = () => new LimiterService({ REDIS_URL: url.toString(), TRIAD_LIMITER_TIMEOUT_MS: 20_000 } as Config);
  const bucket = (name: string, limit: number, cost = 1, counts: Bucket['counts'] = 'requests'): Bucket =>
    ({ key: `leases:${name}`, of: 'project', counts, limit, cost, floor: 0, endsAt: Date.now() + 86_400_000 });
  const connected = async (limiter: LimiterService) => {
    await expect.poll(() => (limiter as unknown as { redis: Redis }).redis.status).toBe('ready');
  };

  beforeAll(async () => {
    redis = new Redis(url.toString());
    await redis.flushdb();
  });
  afterAll(async () => {
    await redis.flushdb();
    redis.disconnect();
  });

  it('serve most requests without Redis, and with several processes never more than the limit', async () => {
    const limiters = [start(), start(), start()];
    for (const limiter of limiters) await connected(limiter);
    const startedAt = Date.now();
    let [admitted, atOnce] = [0, 0];
    await Promise.all(limiters.map(async (limiter) => {
      for (let tries = 0; tries < 8_000; tries += 1) {
        const taken = limiter.take([bucket('many', 12_000)]);
        if (!(taken instanceof Promise)) atOnce += 1;
        if ((await taken).refused === null) admitted += 1;
      }
    }));
    const refilled = ((Date.now() - startedAt) / 60_000) * 12_000;
    expect(admitted).toBeGreaterThanOrEqual(12_000 - 3 * 20);
    expect(admitted).toBeLessThanOrEqual(12_000 + Math.ceil(refilled));
    expect(atOnce / admitted).toBeGreaterThan(0.9);
    await Promise.all(limiters.map((limiter) => limiter.onModuleDestroy()));
  });

  it('are given back by a process that stops', async () => {
    const limiter = start();
    await connected(limiter);
    await limiter.take([bucket('back', 1_000_000_000, 100, 'budget')]);
    const other = start();
    await connected(other);
    const left = async () => (await other.take([bucket('back', 1_000_000_000, 0, 'budget')])).states[0]!.remaining;
    expect(await left()).toBe(1_000_000_000 - 100 - 500_000);
    await limiter.onModuleDestroy();
    expect(await left()).toBe(1_000_000_000 - 100);
    await other.onModuleDestroy();
  });

  it('count what is left with what is held, take corrections, and are void when the limit changes', async () => {
    const limiter = start();
    await connected(limiter);
    const remaining = async (cost: number, limit = 60_000) => (await limiter.take([bucket('left', limit, cost)])).states[0]!.remaining;
    expect(await remaining(1)).toBe(59_999);
    expect(await remaining(10)).toBe(59_989);
    await limiter.correct([bucket('left', 60_000, -5)]);
    expect(await remaining(1)).toBe(59_993);
    const asked = limiter.take([bucket('left', 6_000)]);
    expect(asked).toBeInstanceOf(Promise);
    await asked;
    await limiter.onModuleDestroy();
  });

  it('are not taken of small limits, which are exact', async () => {
    const limiter = start();
    await connected(limiter);
    const answers = [];
    for (let tries = 0; tries < 12; tries += 1) answers.push((await limiter.take([bucket('small', 10)])).refused);
    expect(answers).toEqual([...Array<null>(10).fill(null), 0, 0]);
    await limiter.onModuleDestroy();
  });
});
