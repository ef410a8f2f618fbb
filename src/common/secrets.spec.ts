import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { currentPrefix, decryptSecret, encryptSecret, rewrapSecret, type SecretKeys, type SecretPlace } from './secrets.js';

const newKey = () => randomBytes(32).toString('base64');
const under = (TRIAD_SECRET_KEY: string, ...TRIAD_SECRET_KEYS_OLD: string[]): SecretKeys => ({ TRIAD_SECRET_KEY, TRIAD_SECRET_KEYS_OLD });
const [first, second] = [newKey(), newKey()];
const keys = under(first);
const place: SecretPlace = { column: 'providers.encrypted_key', projectId: 'proj_a', id: 'prov_1' };
const partsOf = (stored: string) => stored.split(':') as [string, string, string, string];

describe('secrets', () => {
  it('come back as they were, and never look alike twice', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), fc.string(), fc.string(), (plain, projectId, id) => {
      const there = { ...place, projectId, id };
      const stored = encryptSecret(keys, there, plain);
      expect(decryptSecret(keys, there, stored)).toBe(plain);
      const [, , wrapped, sealed] = partsOf(stored);
      const again = partsOf(encryptSecret(keys, there, plain));
      expect(again[2]).not.toBe(wrapped);
      expect(again[3]).not.toBe(sealed);
    }));
  });

  it.each([{ projectId: 'proj_b' }, { column: 'webhook_endpoints.encrypted_secret' }, { column: 'providers.encrypted_old_key' }, { id: 'prov_2' }] as const)('do not open at %j', (elsewhere) => {
    const stored = encryptSecret(keys, place, 'x');
    expect(() => decryptSecret(keys, { ...place, ...elsewhere }, stored)).toThrow('belongs to another column, row or project');
    expect(() => rewrapSecret(under(second, first), { ...place, ...elsewhere }, stored)).toThrow('belongs to another');
  });

  it('do not open when key and secret of two are mixed', () => {
    const [one, two] = [encryptSecret(keys, place, 'one'), encryptSecret(keys, place, 'two')].map(partsOf);
    expect(() => decryptSecret(keys, place, [one![0], one![1], one![2], two![3]].join(':'))).toThrow('changed');
  });

  it('open with an old key beside the current one; without it they say which key is needed', () => {
    const stored = encryptSecret(keys, place, 'x');
    expect(decryptSecret(under(second, newKey(), first), place, stored)).toBe('x');
    expect(() => decryptSecret(under(second), place, stored)).toThrow(`with key ${partsOf(stored)[1]}`);
  });

  it('do not open when any bit of any part was changed', () => {
    const stored = encryptSecret(keys, place, 'a secret');
    for (const part of [2, 3]) {
      const bytes = Buffer.from(partsOf(stored)[part]!, 'base64url');
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        const changed = Buffer.from(bytes);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        const parts = partsOf(stored);
        parts[part] = changed.toString('base64url');
        expect(() => decryptSecret(keys, place, parts.join(':'))).toThrow('changed');
      }
    }
  });

  it.each([0, 4, 12, 27])('do not open when cut to %i bytes', (length) => {
    const [format, id, wrapped, sealed] = partsOf(encryptSecret(keys, place, 'a secret'));
    const cut = (text: string) => Buffer.from(text, 'base64url').subarray(0, length).toString('base64url');
    expect(() => decryptSecret(keys, place, [format, id, cut(wrapped), sealed].join(':'))).toThrow('changed');
    expect(() => decryptSecret(keys, place, [format, id, wrapped, cut(sealed)].join(':'))).toThrow('changed');
  });

  it('refuse a key that is not 32 bytes, and text that is no stored secret', () => {
    expect(() => encryptSecret(under('c2hvcnQ='), place, 'x')).toThrow('5 bytes');
    for (const text of ['plain text', '', 'v2:', 'v3:a:b:c', 'v2:a:b:c:d']) expect(() => decryptSecret(keys, place, text)).toThrow('not in a known format');
  });
});

describe('rewrapSecret', () => {
  it('needs only the current key afterwards, and leaves the sealed secret as it was', () => {
    const stored = encryptSecret(keys, place, 'x');
    const anew = rewrapSecret(under(second, first), place, stored);
    expect(decryptSecret(under(second), place, anew)).toBe('x');
    expect(anew.startsWith(currentPrefix(under(second)))).toBe(true);
    expect(partsOf(anew)[3]).toBe(partsOf(stored)[3]);
    expect(() => decryptSecret(keys, place, anew)).toThrow('with key');
  });
});

describe('secrets of the format before', () => {
  const old = Buffer.alloc(32, 7).toString('base64');
  const stored = 'v1:oq87qEsF:AQEBAQEBAQEBAQEB:V6S9jKEIfcb-CNkNvRzYig:AYn60vPgjmu3u65E';

  it('open, in their project', () => {
    expect(decryptSecret(under(old), place, stored)).toBe('whsec_before');
    expect(decryptSecret(under(first, old), place, stored)).toBe('whsec_before');
    expect(() => decryptSecret(under(old), { ...place, projectId: 'proj_b' }, stored)).toThrow('belongs to another');
    expect(() => decryptSecret(under(old), place, stored.replace('V6S9', 'V6S8'))).toThrow('changed');
  });

  it('become the new format, under the same key or another', () => {
    for (const to of [under(old), under(first, old)]) {
      const anew = rewrapSecret(to, place, stored);
      expect(anew.startsWith(currentPrefix(to))).toBe(true);
      expect(decryptSecret(under(to.TRIAD_SECRET_KEY), place, anew)).toBe('whsec_before');
    }
  });
});
