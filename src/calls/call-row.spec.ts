import { describe, expect, it } from 'vitest';
import { callOf } from '../../test/helpers/calls.js';
import { sizeOf } from './call-row.js';

describe('how much memory a call takes', () => {
  const sizeWith = (given: object) => sizeOf(callOf('prj', given)) - sizeOf(callOf('prj'));

  it.each([
    ['a model', { model: 'm'.repeat(1e6) }], ['a sticky key', { stickyKey: 'm'.repeat(1e6) }], ['metadata', { metadata: { a: 'x'.repeat(1e6) } }],
    ['a text behind many', { request: { list: [...Array.from({ length: 30_000 }, () => 'a'), 'x'.repeat(1e6)] } }],
    ['a text behind numbers', { answer: { list: [1, 'x'.repeat(1e6)] } }], ['a field\'s name', { variables: { ['x'.repeat(2e6)]: 1 } }],
  ])('counts %s', (_, given) => {
    expect(sizeWith(given)).toBeGreaterThanOrEqual(1.9e6);
  });

  it('is told of what is nested as deep as can be', () => {
    const deep = JSON.parse(`${'['.repeat(5_000)}"${'x'.repeat(1e6)}"${']'.repeat(5_000)}`) as unknown;
    expect(sizeWith({ request: { deep } })).toBeGreaterThan(2e6);
  });
});
