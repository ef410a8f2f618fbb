import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decryptSecret, encryptSecret } from './secrets.js';

const key = randomBytes(32).toString('base64');

describe('secrets', () => {
  it('come back as they were, and never look alike twice', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (plain, project) => {
      const stored = encryptSecret(key, project, plain);
      expect(decryptSecret(key, project, stored)).toBe(plain);
      expect(encryptSecret(key, project, plain)).not.toBe(stored);
    }));
  });

  it('do not open in another project', () => {
    expect(() => decryptSecret(key, 'proj_b', encryptSecret(key, 'proj_a', 'x'))).toThrow('belongs to another project');
  });

  it('do not open with another key, and say which key is needed', () => {
    const stored = encryptSecret(key, 'p', 'x');
    expect(() => decryptSecret(randomBytes(32).toString('base64'), 'p', stored)).toThrow(stored.split(':')[1]!);
  });

  it.each([2, 3, 4])('do not open when part %i was changed', (part) => {
    const parts = encryptSecret(key, 'p', 'a secret').split(':');
    const bytes = Buffer.from(parts[part]!, 'base64url');
    bytes[0]! ^= 1;
    parts[part] = bytes.toString('base64url');
    expect(() => decryptSecret(key, 'p', parts.join(':'))).toThrow('changed');
  });

  it('do not open with a tag cut short', () => {
    const parts = encryptSecret(key, 'p', 'a secret').split(':');
    parts[3] = Buffer.from(parts[3]!, 'base64url').subarray(0, 4).toString('base64url');
    expect(() => decryptSecret(key, 'p', parts.join(':'))).toThrow();
  });

  it('refuse a key that is not 32 bytes, and text that is no stored secret', () => {
    expect(() => encryptSecret('c2hvcnQ=', 'p', 'x')).toThrow('5 bytes');
    expect(() => decryptSecret(key, 'p', 'plain text')).toThrow('not in a known format');
  });
});
