import { describe, expect, it } from 'vitest';
import { assertMayFineTune, LICENCES, licenceOf } from './licences.js';

describe('the licence catalogue', () => {
  it('names each licence once, in lower case, with its source and when it was read', () => {
    expect(new Set(LICENCES.map((licence) => licence.id)).size).toBe(LICENCES.length);
    for (const licence of LICENCES) {
      expect(licence.id).toBe(licence.id.toLowerCase());
      expect(licence.source).toMatch(/^https:\/\/|^A decision/);
      expect(licence.read).toMatch(/^20\d\d-\d\d/);
    }
  });

  it('finds SPDX spellings, refuses what is not recorded, and what bars fine-tuning', () => {
    expect(licenceOf('Apache-2.0').id).toBe('apache-2.0');
    expect(() => licenceOf('gpl-9')).toThrow(expect.objectContaining({ code: 'licence_refused', message: expect.stringContaining('qwen-research') }));
    expect(() => assertMayFineTune('llama3.1')).not.toThrow();
    expect(() => assertMayFineTune('proprietary')).toThrow(expect.objectContaining({ code: 'licence_refused' }));
  });
});
