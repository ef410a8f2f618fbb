import { describe, expect, it } from 'vitest';
import { assertShallow } from './json-depth.js';

const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth));

describe('assertShallow', () => {
  it('lets through what is flat, and 64 levels', () => {
    for (const body of [undefined, null, 'x', 1, {}, [], { a: [{ b: 'x' }] }, nested(64), Array.from({ length: 100_000 }, (_, a) => ({ a }))]) assertShallow(body);
  });

  it.each([65, 1_000, 500_000])('refuses %i levels', (depth) => {
    expect(() => assertShallow(nested(depth))).toThrow('more than 64 levels');
    expect(() => assertShallow({ a: [{ b: nested(depth) }] })).toThrow('more than 64 levels');
  });
});
