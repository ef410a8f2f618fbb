import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataProblem, MAX_DEPTH, parseLine, splitLines } from './lines.js';

function* cut(bytes: Buffer, sizes: number[]): Generator<Buffer> {
  for (let start = 0, index = 0; start < bytes.length; index += 1) {
    const size = sizes.length > 0 ? sizes[index % sizes.length]! : bytes.length;
    yield bytes.subarray(start, start + size);
    start += size;
  }
}

/** What the upload does: rows, or the number of the first line that is wrong. */
async function check(bytes: Buffer, sizes: number[]): Promise<{ rows: unknown[]; bad: number | null }> {
  const rows: unknown[] = [];
  for await (const line of splitLines(Readable.from(cut(bytes, sizes)), 'x.jsonl')) {
    try {
      rows.push(parseLine(line.bytes, line.number));
    } catch (error) {
      expect(error).toBeInstanceOf(DataProblem);
      return { rows, bad: line.number };
    }
  }
  return { rows, bad: null };
}

const refuseLossy = (_: string, value: unknown) => {
  if (typeof value === 'number' && (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))) throw new Error('refused');
  return value;
};

/** The same by the platform's own decoder and parser, line by line; for input without deep nesting. */
function checkByDecoder(bytes: Buffer): { rows: unknown[]; bad: number | null } {
  const rows: unknown[] = [];
  const lines = bytes.toString('latin1').split('\n');
  if (lines.at(-1) === '') lines.pop();
  for (const [index, line] of lines.entries()) {
    try {
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(line, 'latin1'));
      const value: unknown = JSON.parse(text, refuseLossy);
      const again = JSON.stringify(value);
      if (typeof value !== 'object' || value === null || Array.isArray(value) || /\\u(0000|d[89a-f])/.test(again)) throw new Error('refused');
      rows.push(value);
    } catch {
      return { rows, bad: index + 1 };
    }
  }
  return { rows, bad: null };
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 6 });
const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0'));
const scalar = fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null));
const record = fc.dictionary(text, fc.oneof(scalar, fc.array(scalar), fc.dictionary(text, scalar)), { noNullPrototype: true });

describe('the line checker', () => {
  it('reads back what was written, however the bytes are cut into chunks', async () => {
    await fc.assert(fc.asyncProperty(fc.array(record, { minLength: 1 }), sizes, fc.constantFrom('\n', '\r\n'), fc.boolean(), async (rows, chunks, end, ended) => {
      const bytes = Buffer.from(rows.map((row) => JSON.stringify(row)).join(end) + (ended ? end : ''));
      expect(await check(bytes, chunks)).toEqual({ rows: JSON.parse(JSON.stringify(rows)), bad: null });
    }));
  });

  it('agrees with the platform\'s decoder on which line is wrong, for damaged bytes', async () => {
    const damage = fc.array(fc.record({ at: fc.nat(), byte: fc.oneof(fc.nat(255), fc.constantFrom(0x0a, 0x22, 0x5c, 0xc3, 0xed, 0xf4, 0x00)) }), { maxLength: 3 });
    let refused = 0;
    await fc.assert(fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 5 }), damage, sizes, async (rows, changes, chunks) => {
      const bytes = Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
      const found = await check(bytes, chunks);
      refused += found.bad === null ? 0 : 1;
      expect(found).toEqual(checkByDecoder(bytes));
    }), { numRuns: 500 });
    expect(refused).toBeGreaterThan(50);
  });

  it('allows as many levels as it says, and not one more', () => {
    const nested = (levels: number) => Buffer.from('{"a":'.repeat(levels) + '1' + '}'.repeat(levels));
    expect(() => parseLine(nested(MAX_DEPTH), 1)).not.toThrow();
    expect(() => parseLine(nested(MAX_DEPTH + 1), 1)).toThrow(/deeper than 32/);
  });
});
