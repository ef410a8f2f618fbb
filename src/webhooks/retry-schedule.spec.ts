import { describe, expect, it } from 'vitest';
import { nextDelay, parseRetryAfter } from './retry-schedule.js';

const HOUR = 3_600_000;

describe('nextDelay', () => {
  it('follows Standard Webhooks: 5 s, 5 min, 30 min, 2, 5, 10, 14, 20, 24 h, then no more', () => {
    const delays = Array.from({ length: 11 }, (_, index) => nextDelay(index + 1, null, () => 0));
    expect(delays).toEqual([5_000, 300_000, 1_800_000, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR, null, null]);
  });

  it('waits up to a tenth longer, never shorter', () => {
    expect(nextDelay(2, null, () => 0.999)).toBeCloseTo(329_970, -2);
  });

  it('honours a Retry-After that is longer, up to a day, and keeps to the schedule otherwise', () => {
    expect(nextDelay(1, HOUR, () => 0)).toBe(HOUR);
    expect(nextDelay(3, 1_000, () => 0)).toBe(1_800_000);
    expect(nextDelay(1, 1_000 * HOUR, () => 0)).toBe(24 * HOUR);
    expect(nextDelay(10, HOUR)).toBeNull();
  });
});

describe('parseRetryAfter', () => {
  const now = new Date('2026-11-01T12:00:00Z');
  it.each([
    ['120', 120_000], ['0', 0], ['Sun, 01 Nov 2026 12:01:00 GMT', 60_000], ['Sun, 01 Nov 2026 11:00:00 GMT', 0],
    ['soon', null], ['-5x', null], [undefined, null],
  ])('reads %j as %j ms', (header, expected) => {
    expect(parseRetryAfter(header, now)).toBe(expected);
  });
});
