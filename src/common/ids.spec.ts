import { describe, expect, it } from 'vitest';
import { firstIdAt, newId } from './ids.js';

describe('firstIdAt', () => {
  it('parts the ids made before a time from those made since', () => {
    const id = newId('evt');
    const [before, after] = [firstIdAt('evt', new Date(Date.now() - 60_000)), firstIdAt('evt', new Date(Date.now() + 60_000))];
    expect([after, id, before].sort()).toEqual([before, id, after]);
    expect(firstIdAt('evt', new Date(-1)) < before).toBe(true);
  });
});
