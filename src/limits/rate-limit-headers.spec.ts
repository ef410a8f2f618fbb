import { describe, expect, it } from 'vitest';
import type { Bucket } from './buckets.js';
import { LocalLimiter } from './local-limiter.js';
import { formatDuration, rateLimitHeaders, retryAfterSeconds } from './rate-limit-headers.js';

const bucket = (of: Bucket['of'], counts: Bucket['counts'], limit: number, cost: number): Bucket => ({ key: `${of}:${counts}`, of, counts, limit, cost, floor: 0, endsAt: 0 });

describe('formatDuration', () => {
  it.each([[0, '0ms'], [20, '20ms'], [999.5, '1000ms'], [1000, '1s'], [59_001, '1m0s'], [360_000, '6m0s'], [3_600_000, '1h0m0s'], [3_725_000, '1h2m5s']])('writes %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

describe('rateLimitHeaders', () => {
  it('tells of the bucket with less left, and nothing of what is not limited', () => {
    const buckets = [bucket('project', 'requests', 100, 1), bucket('key', 'requests', 5, 1)];
    expect(rateLimitHeaders(buckets, new LocalLimiter().take(buckets))).toEqual({
      'x-ratelimit-limit-requests': '5', 'x-ratelimit-remaining-requests': '4', 'x-ratelimit-reset-requests': '12s',
    });
  });
});

describe('LocalLimiter', () => {
  it('refills with time, a whole minute\'s worth at most', () => {
    const limiter = new LocalLimiter();
    const take = (now: number) => limiter.take([bucket('key', 'requests', 2, 1)], false, now);
    expect([take(0), take(0)].map(({ refused }) => refused)).toEqual([null, null]);
    const refused = take(0);
    expect([refused.refused, retryAfterSeconds(refused.states[0]!)]).toEqual([0, 30]);
    expect(take(29_999).refused).toBe(0);
    expect(take(30_000)).toMatchObject({ refused: null, states: [{ remaining: 0, resetMs: 60_000 }] });
    expect(take(3_600_000)).toMatchObject({ refused: null, states: [{ remaining: 1 }] });
  });
});
