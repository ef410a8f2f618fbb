import { describe, expect, it } from 'vitest';
import { checkRedactions, findersOf, redacted } from './redactions.js';

const finders = (pattern: string) => findersOf(checkRedactions([{ name: 'x', pattern }]));

/** @returns the text, and how often others could run meanwhile. */
function run(text: string, pattern: string): [text: string, pauses: number] {
  const work = redacted(text, finders(pattern));
  for (let pauses = 0; ; pauses += 1) {
    const step = work.next();
    if (step.done) return [step.value, pauses];
  }
}

describe('redactions', () => {
  it('search less at once the larger the pattern is', () => {
    const [small] = finders('ORD-\\d{8}');
    const [large] = finders('(?:a?){240}[bz]');
    expect([small!.overlap, large!.overlap, large!.window]).toEqual([1_024, 256, 256]);
    expect(run('a'.repeat(20_000), '(?:a?){240}[bz]')).toEqual(['a'.repeat(20_000), Math.ceil(20_000 / 256)]);
  });

  it('find what lies where two windows meet, and each match once', () => {
    const { window } = finders('ORD-\\d{8}')[0]!;
    const text = `${'x'.repeat(window - 4)}ORD-12345678${'x'.repeat(window)}ORD-87654321ORD-11111111`;
    expect(run(text, 'ORD-\\d{8}')[0]).toBe(`${'x'.repeat(window - 4)}[x]${'x'.repeat(window)}[x][x]`);
  });

  it('pause after each match, empty ones too', () => {
    expect(run('ab '.repeat(100), '\\b')).toEqual(['ab '.repeat(100), 201]);
    expect(run('ab '.repeat(100), 'a')).toEqual(['[x]b '.repeat(100), 101]);
  });
});
