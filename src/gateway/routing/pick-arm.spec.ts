import { describe, expect, it } from 'vitest';
import { pickArm } from './pick-arm.js';

const KEYS = Array.from({ length: 100_000 }, (_, index) => `user-${index}`);
const policy = (...weights: number[]) => ({ arms: weights.map((weight, index) => ({ target: `provider/model-${index}`, weight })) });
const picks = (of: ReturnType<typeof policy>, salt = 'dep_1') => KEYS.map((key) => pickArm(of, salt, key));
const share = (all: number[], arm: number) => all.filter((each) => each === arm).length / all.length;

describe('pickArm', () => {
  it.each([[1, 1], [95, 5], [1, 2, 3, 4], [999, 1], [1, 0, 1], [10_000, 1]])('gives each arm its share: %j', (...weights) => {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const all = picks(policy(...weights));
    for (const [arm, weight] of weights.entries()) {
      const [expected, n] = [weight / total, KEYS.length];
      // Five standard deviations of a binomial share.
      expect(Math.abs(share(all, arm) - expected)).toBeLessThanOrEqual(5 * Math.sqrt((expected * (1 - expected)) / n));
    }
  });

  it.each([[[95, 5], [80, 20]], [[95, 5], [95, 20]], [[50, 40, 10], [50, 40, 30]], [[1, 0], [9, 1]]])('grows a canary by moving callers into it alone: %j to %j', (from, to) => {
    const [before, after] = [picks(policy(...from)), picks(policy(...to))];
    const canary = from.length - 1;
    const moved = KEYS.map((_, index) => [before[index]!, after[index]!] as const).filter(([was, is]) => was !== is);
    expect(moved.length).toBeGreaterThan(0);
    expect(moved.filter(([, is]) => is !== canary).length).toBe(0);
    expect(before.every((arm, index) => arm !== canary || after[index] === canary)).toBe(true);
  });

  it('moves no more than the new shares ask for', () => {
    const [before, after] = [picks(policy(90, 10)), picks(policy(70, 30))];
    const moved = KEYS.filter((_, index) => before[index] !== after[index]).length / KEYS.length;
    expect(moved).toBeGreaterThan(0.19);
    expect(moved).toBeLessThan(0.21);
  });

  it('does not mind the order of arms, and an arm that is added takes from all', () => {
    const { arms } = policy(3, 2, 1);
    const turned = { arms: [...arms].reverse() };
    expect(KEYS.slice(0, 1_000).every((key) => arms[pickArm({ arms }, 's', key)]!.target === turned.arms[pickArm(turned, 's', key)]!.target)).toBe(true);
    const [before, after] = [picks(policy(3, 2)), picks(policy(3, 2, 1))];
    expect(KEYS.every((_, index) => after[index] === 2 || after[index] === before[index])).toBe(true);
  });

  it('draws for each deployment apart', () => {
    const [one, two] = [picks(policy(1, 1), 'dep_1'), picks(policy(1, 1), 'dep_2')];
    const same = KEYS.filter((_, index) => one[index] === two[index]).length / KEYS.length;
    expect(Math.abs(same - 0.5)).toBeLessThan(0.01);
  });

  it('draws anew without a key, never an arm without weight', () => {
    const all = KEYS.map(() => pickArm(policy(0, 3, 1, 0), 'dep_1', null));
    expect(share(all, 1)).toBeCloseTo(0.75, 1);
    expect(new Set(all)).toEqual(new Set([1, 2]));
    expect(new Set(picks(policy(0, 1)))).toEqual(new Set([1]));
  });
});
