import { describe, expect, it } from 'vitest';
import { draw, murmur3, stick, takesPart } from './sticky-hash.js';

const keys = Array.from({ length: 40_000 }, (_, index) => `user-${index}`);
const arms = (weights: number[], salt = 7) => weights.map((weight, index) => ({ weight, name: String.fromCharCode(97 + index), seed: murmur3(String.fromCharCode(97 + index), salt) }));
const assign = (weights: number[], salt = 7) => keys.map((key) => stick(murmur3(key, salt), arms(weights, salt)).name);
const share = (of: string[], name: string) => of.filter((each) => each === name).length / of.length;

describe('murmur3', () => {
  // Of the reference implementation, MurmurHash3_x86_32.
  it.each([
    ['', 0, 0], ['', 1, 0x514e28b7], ['', 0xffffffff, 0x81f16f39], ['test', 0, 0xba6bd213], ['test', 0x9747b28c, 0x704b81dc],
    ['Hello, world!', 0, 0xc0363e43], ['Hello, world!', 0x9747b28c, 0x24884cba], ['aaaa', 0x9747b28c, 0x5a97808a], ['aaa', 0x9747b28c, 0x283e0130],
    ['aa', 0x9747b28c, 0x5d211726], ['a', 0x9747b28c, 0x7fa09ea6], ['abc', 0, 0xb3dd93fa], ['ππππππππ', 0x9747b28c, 0xd58063c1],
    ['The quick brown fox jumps over the lazy dog', 0, 0x2e4ff723],
    ['a'.repeat(256), 0x9747b28c, 0x37405bdc],
  ])('hashes %j with seed %i', (text, seed, expected) => {
    expect(murmur3(text, seed)).toBe(expected);
  });
});

describe('sticky assignment', () => {
  it('spreads keys as the weights say', () => {
    const assigned = assign([70, 20, 10]);
    for (const [name, weight] of [['a', 0.7], ['b', 0.2], ['c', 0.1]] as const) {
      expect(Math.abs(share(assigned, name) - weight)).toBeLessThan(4 * Math.sqrt((weight * (1 - weight)) / keys.length));
    }
  });

  it('moves keys only to the arm that grew, and no more than it grew', () => {
    const [before, after] = [assign([50, 50, 10]), assign([50, 50, 30])];
    const moved = before.flatMap((arm, index) => (after[index] === arm ? [] : [after[index]!]));
    expect(new Set(moved)).toEqual(new Set(['c']));
    expect(moved.length / keys.length).toBeCloseTo(30 / 130 - 10 / 110, 2);
  });

  it('gives an arm without weight no key', () => {
    expect(share(assign([50, 0, 50]), 'b')).toBe(0);
    expect(Array.from({ length: 1000 }, () => draw(arms([1, 0, 3])).name)).not.toContain('b');
  });

  it('draws anew for another experiment, and takes part apart from the arm', () => {
    const [one, two] = [assign([50, 50]), assign([50, 50], 8)];
    const agree = one.filter((arm, index) => arm === two[index]).length / keys.length;
    expect(agree).toBeCloseTo(0.5, 1);
    const part = keys.map((key) => takesPart(murmur3(key, 7), 0.3));
    expect(part.filter(Boolean).length / keys.length).toBeCloseTo(0.3, 2);
    expect(share(one.filter((_, index) => part[index]), 'a')).toBeCloseTo(0.5, 1);
    const grown = keys.map((key) => takesPart(murmur3(key, 7), 0.6));
    expect(part.every((took, index) => !took || grown[index])).toBe(true);
  });
});
