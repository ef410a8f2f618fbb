import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DatasetRow, inHoldout, promptKey } from './row.js';

const asInput = (sentence: string): DatasetRow => ({ input: { sentence } });
const asPrompt = (content: string): DatasetRow => ({ prompt: [{ role: 'user', content }] });
const share = fc.double({ min: 0, max: 0.5, noNaN: true });

describe('the holdout split', () => {
  it('keeps one prompt on one side, however it is wrapped, spaced, cased or answered', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), share, (sentence, held) => {
      const side = inHoldout(asInput(sentence), held);
      for (const same of [asPrompt(sentence), asInput(`  ${sentence}\n`), { ...asInput(sentence), completion: 'x', expected: 3 }]) {
        expect(inHoldout(same, held)).toBe(side);
      }
      expect(promptKey(asPrompt('Turn ON\tthe ﬁre'))).toEqual(promptKey(asInput('turn on the fire')));
    }));
  });

  it('only grows with the share, and does not depend on the order of variables', () => {
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean()), { minKeys: 1, noNullPrototype: true }), share, share, (input, a, b) => {
      const reversed = Object.fromEntries(Object.entries(input).reverse());
      expect(promptKey({ input: reversed })).toEqual(promptKey({ input }));
      if (inHoldout({ input }, Math.min(a, b))) expect(inHoldout({ input }, Math.max(a, b))).toBe(true);
    }));
  });

  it('holds out about the share asked for, and nothing for none', () => {
    const rows = Array.from({ length: 10_000 }, (_, index) => asInput(`sentence ${index}`));
    expect(rows.filter((row) => inHoldout(row, 0))).toEqual([]);
    for (const held of [0.05, 0.2, 0.5]) expect(rows.filter((row) => inHoldout(row, held)).length / rows.length).toBeCloseTo(held, 1.5);
  });
});
