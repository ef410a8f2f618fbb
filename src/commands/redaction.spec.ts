import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redact } from './redaction.js';

describe('redact', () => {
  it('hides what is named or looks like a secret, wherever it is', () => {
    const given = { apiKey: 'anything', nested: [{ clientSecret: 'x', url: 'https://h/?key=sk-abcdefgh1234' }], note: 'my triad_0123456789abcdef key', maxTokens: 5 };
    expect(redact(given)).toEqual({ apiKey: '[hidden]', nested: [{ clientSecret: '[hidden]', url: 'https://h/?key=[hidden]' }], note: 'my [hidden] key', maxTokens: 5 });
  });

  it('cuts long texts, lists and deep nests, and says how much', () => {
    expect(redact('a'.repeat(1_001))).toBe(`${'a'.repeat(1_000)}… (1001 characters)`);
    expect(redact(Array.from({ length: 60 }, (_, index) => index))).toHaveLength(51);
    let deep: unknown = 'end';
    for (let level = 0; level < 1_000; level += 1) deep = [deep];
    expect(JSON.stringify(redact(deep)).length).toBeLessThan(100);
  });

  it('replaces what Postgres cannot hold, also half a character that a cut leaves', () => {
    expect(redact({ 'a\0': ['b\0', '\ud83d', 'c\ude00d', '😀'] })).toEqual({ 'a\uFFFD': ['b\uFFFD', '\uFFFD', 'c\uFFFDd', '😀'] });
    expect(redact(`${'a'.repeat(999)}😀`)).toBe(`${'a'.repeat(999)}\uFFFD… (1001 characters)`);
  });

  it('always answers JSON', () => {
    fc.assert(fc.property(fc.anything({ withDate: true, withBigInt: true }), (value) => { JSON.stringify(redact({ value })); }));
  });
});
