import fc from 'fast-check';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Bucket } from '../../src/limits/buckets.js';
import { LocalLimiter } from '../../src/limits/local-limiter.js';
import { defineTake, takeFromRedis, type WithTake } from '../../src/limits/take-script.js';

const BUCKETS: Pick<Bucket, 'counts' | 'limit'>[] = [{ counts: 'requests', limit: 5 }, { counts: 'tokens', limit: 3 }, { counts: 'tokens', limit: 7 }, { counts: 'budget', limit: 20 }];

describe('the limiter\'s script', () => {
  let redis: WithTake;
  beforeAll(() => {
    redis = defineTake(new Redis(inject('redisUrl')));
  });
  afterAll(() => {
    redis.disconnect();
  });

  const bucket = (key: string, counts: Bucket['counts'], limit: number, cost: number, floor = 0): Bucket =>
    ({ key, of: 'project', counts, limit, cost, floor, endsAt: Date.now() + 3_600_000 });

  it('answers as the limiter in memory does, whatever is taken, corrected or refused', async () => {
    const step = fc.record({
      costs: fc.array(fc.record({ bucket: fc.integer({ min: 0, max: BUCKETS.length - 1 }), cost: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: -4, max: 8 }) }, fc.constantFrom(NaN, Infinity, -Infinity)) }), { minLength: 1, maxLength: 4 }),
      force: fc.boolean(), floor: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 12 }) }, fc.constant(NaN)),
    });
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), async (steps) => {
      const prefix = `limiter-script:${randomUUID()}`;
      const local = new LocalLimiter();
      for (const { costs, force, floor } of steps) {
        // A request has each bucket once.
        const unique = [...new Map(costs.map((each) => [each.bucket, each])).values()];
        const buckets = unique.map((each) => bucket(`${prefix}:${each.bucket}`, BUCKETS[each.bucket]!.counts, BUCKETS[each.bucket]!.limit, each.cost, floor));
        const [script, memory] = [await takeFromRedis(redis, buckets, force), local.take(buckets, force)];
        expect(script.refused === null).toBe(memory.refused === null);
        expect(script.states.map(({ remaining }) => remaining)).toEqual(memory.states.map(({ remaining }) => remaining));
        expect(script.states.map(({ retryMs }) => retryMs > 0)).toEqual(memory.states.map(({ retryMs }) => retryMs > 0));
      }
    }), { numRuns: 100, seed: 4 });
  });

  it('takes from all buckets or from none', async () => {
    const [full, wide] = [`limiter-script:${randomUUID()}`, `limiter-script:${randomUUID()}`];
    expect((await takeFromRedis(redis, [bucket(full, 'requests', 1, 1)], false)).refused).toBeNull();
    const refused = await takeFromRedis(redis, [bucket(wide, 'tokens', 100, 60), bucket(full, 'requests', 1, 1)], false);
    expect(refused).toMatchObject({ refused: 1, states: [{ remaining: 100, retryMs: 0 }, { remaining: 0 }] });
    expect(refused.states[1]!.retryMs).toBeGreaterThan(50_000);
    expect((await takeFromRedis(redis, [bucket(wide, 'tokens', 100, 0)], false)).states[0]!.remaining).toBe(100);
  });

  it('keeps a budget whatever number is taken or stored', async () => {
    const key = `limiter-script:${randomUUID()}`;
    const spend = (cost: number) => takeFromRedis(redis, [bucket(key, 'budget', 20, cost, 15)], true);
    expect((await spend(NaN)).states[0]!.remaining).toBe(5);
    await redis.set(key, 'nan');
    expect((await spend(4)).states[0]!.remaining).toBe(1);
    expect((await takeFromRedis(redis, [bucket(key, 'budget', 20, 2, 15)], false)).refused).toBe(0);
  });

  it('leaves nothing in Redis for longer than it counts', async () => {
    const key = `limiter-script:${randomUUID()}`;
    await takeFromRedis(redis, [bucket(key, 'requests', 60, 1)], false);
    const ttl = await redis.pttl(key);
    expect(ttl).toBeGreaterThan(0);
    expect(ttl).toBeLessThanOrEqual(2_000);
  });
});
