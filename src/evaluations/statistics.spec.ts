import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bootstrapMean, holm, itemsForPower, mean, signTest } from './statistics.js';

describe('sign test', () => {
  it('15 of 20, two-sided: .041389 (scipy.stats.binomtest)', () => {
    expect(signTest(15, 5)).toBeCloseTo(0.041389, 6);
    expect(signTest(5, 15)).toBeCloseTo(0.041389, 6);
  });

  it('is 1 for an even split or only ties, 2 · 2⁻ⁿ when all go one way, and keeps its precision for many items', () => {
    expect(signTest(0, 0)).toBe(1);
    expect(signTest(10, 10)).toBe(1);
    expect(signTest(8, 0)).toBeCloseTo(2 / 2 ** 8, 12);
    expect(signTest(431, 352)).toBeCloseTo(0.005278818081, 11); // scipy
  });
});

describe('Holm', () => {
  it('adjusts as R\'s p.adjust(c(.01, .04, .03, .005), "holm")', () => {
    expect(holm([0.01, 0.04, 0.03, 0.005])).toEqual([0.03, 0.06, 0.06, 0.02]);
    expect(holm([])).toEqual([]);
    expect(holm([0.9, 0.8])).toEqual([1, 1]);
  });

  it('never lowers a p-value, keeps their order, and stays within 0–1', () => {
    fc.assert(fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 }), (p) => {
      const adjusted = holm(p);
      p.forEach((value, i) => {
        expect(adjusted[i]).toBeGreaterThanOrEqual(value);
        expect(adjusted[i]).toBeLessThanOrEqual(1);
        p.forEach((other, j) => { if (value < other) expect(adjusted[i]).toBeLessThanOrEqual(adjusted[j]!); });
      });
    }));
  });
});

describe('bootstrap', () => {
  it('agrees with the normal approximation on 400 coin flips, and is the same every time', () => {
    const flips = Array.from({ length: 400 }, (_, index) => Number(index % 4 === 0));
    const { value, low, high } = bootstrapMean(flips);
    const half = 1.96 * Math.sqrt((0.25 * 0.75) / 400);
    expect(value).toBe(0.25);
    expect(low).toBeCloseTo(0.25 - half, 2);
    expect(high).toBeCloseTo(0.25 + half, 2);
    expect(bootstrapMean(flips)).toEqual({ value, low, high });
  });

  it('has no width when nothing varies, and refuses no values', () => {
    expect(bootstrapMean([1, 1, 1])).toEqual({ value: 1, low: 1, high: 1 });
    expect(() => bootstrapMean([])).toThrow(RangeError);
  });

  it('covers the true mean in about 95 of 100 samples', () => {
    const random = (seed: number) => () => { seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0; return seed / 2 ** 32; };
    const next = random(7);
    const covered = Array.from({ length: 100 }, () => bootstrapMean(Array.from({ length: 60 }, () => Number(next() < 0.4))))
      .filter(({ low, high }) => low <= 0.4 && high >= 0.4).length;
    expect(covered).toBeGreaterThanOrEqual(88);
    expect(covered).toBeLessThan(100);
  });
});

it('items for 80% power: sd 1 and a difference of .1 need 785', () => {
  const differences = Array.from({ length: 1000 }, (_, index) => 0.1 + (index % 2 === 0 ? 1 : -1) * Math.sqrt(0.999));
  expect(mean(differences)).toBeCloseTo(0.1, 10);
  expect(itemsForPower(differences)).toBe(785);
  expect(itemsForPower([0, 0])).toBeNull();
});
