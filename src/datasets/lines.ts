import { isUtf8 } from 'node:buffer';
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DomainError } from '../common/errors.js';

export const MAX_LINE_BYTES = 1 << 20;
export const MAX_DEPTH = 32;
const LINE_FEED = 0x0a;
const WRITE_BYTES = 1 << 18;

/** What is wrong with one line or row; the caller knows which it is. */
export class DataProblem extends Error {}

/** @returns the error a client sees: file, line, what is wrong and how to mend it. */
export function badLine(filename: string, line: number, what: string): DomainError {
  return new DomainError('bad_data', `${filename}, line ${line}: ${what}`, 'file');
}

/**
 * Cuts a stream of bytes into lines (without their line feed), holding no more than one line and one chunk.
 * @throws DomainError bad_data for a line above 1 MiB.
 */
export async function* splitLines(chunks: AsyncIterable<Buffer>, filename: string): AsyncGenerator<{ number: number; bytes: Buffer }> {
  let number = 1;
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      const tail = chunk.subarray(start, end);
      assertShort(pendingBytes + tail.length, filename, number);
      yield { number, bytes: pending.length > 0 ? Buffer.concat([...pending, tail]) : tail };
      [pending, pendingBytes, start] = [[], 0, end + 1];
      number += 1;
    }
    if (start < chunk.length) pending.push(chunk.subarray(start));
    pendingBytes += chunk.length - start;
    assertShort(pendingBytes, filename, number);
  }
  if (pendingBytes > 0) yield { number, bytes: Buffer.concat(pending) };
}

function assertShort(bytes: number, filename: string, number: number): void {
  if (bytes > MAX_LINE_BYTES) throw badLine(filename, number, 'the line is longer than 1 MiB. Cut the row, or put each row on a line of its own.');
}

/**
 * Reads one line of JSONL: valid UTF-8 that is one JSON object, at most 32 levels deep, without NUL or lone surrogates,
 * and without numbers that would lose digits.
 * @param number of the line, from 1
 * @throws DataProblem.
 */
export function parseLine(bytes: Buffer, number: number): Record<string, unknown> {
  if (number === 1) checkStart(bytes);
  if (bytes.includes(0)) throw new DataProblem('holds a NUL byte. Save the file as UTF-8 text without NUL bytes.');
  if (!isUtf8(bytes)) throw new DataProblem('is not valid UTF-8. Save the file as UTF-8.');
  const text = bytes.toString('utf8');
  if (text.trim() === '') throw new DataProblem('is empty. Remove it: each line holds one JSON object.');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new DataProblem(`is not JSON: ${(error as Error).message}. Each line holds one whole JSON object.`);
  }
  return checkRecord(value);
}

/** Names the encodings that a file may be in by mistake, which would otherwise read as broken UTF-8. */
function checkStart(bytes: Buffer): void {
  const start = bytes.subarray(0, 3).toString('hex');
  if (start === 'efbbbf') throw new DataProblem('starts with a byte order mark (BOM). Save the file as UTF-8 without BOM.');
  if (start.startsWith('fffe') || start.startsWith('feff')) throw new DataProblem('is UTF-16. Save the file as UTF-8.');
  if (start.startsWith('1f8b')) throw new DataProblem('is compressed with gzip. Unpack the file and upload the JSONL itself.');
}

/** The checks on a row that do not depend on its bytes. @throws DataProblem. */
export function checkRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new DataProblem('is not a JSON object. Write each row as {"column": …}.');
  }
  checkValue(value, 1);
  return value as Record<string, unknown>;
}

function checkValue(value: unknown, depth: number): void {
  if (typeof value === 'string') return checkText(value);
  if (typeof value === 'number') return checkNumber(value);
  if (typeof value !== 'object' || value === null) return;
  if (depth > MAX_DEPTH) throw new DataProblem(`is nested deeper than ${MAX_DEPTH} levels. Flatten the row.`);
  if (!Array.isArray(value)) Object.keys(value).forEach(checkText);
  for (const inner of Array.isArray(value) ? value : Object.values(value)) checkValue(inner, depth + 1);
}

function checkText(text: string): void {
  if (text.includes('\0')) throw new DataProblem('holds the character NUL (\\u0000). Remove it.');
  if (/\p{Surrogate}/u.test(text)) throw new DataProblem('holds half of a surrogate pair (\\ud800–\\udfff alone), which is no character. Write the whole character.');
}

function checkNumber(value: number): void {
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
    throw new DataProblem('holds a number too large to keep its digits. Write it as text.');
  }
}

/**
 * Writes lines to a file, whole or not at all, a quarter of a megabyte at a time.
 * @returns SHA-256, number of lines and of bytes.
 */
export async function writeLines(path: string, lines: AsyncIterable<string>): Promise<{ sha256: string; lines: number; bytes: number }> {
  const hash = createHash('sha256');
  let count = 0;
  let bytes = 0;
  async function* blocks() {
    let block = '';
    for await (const line of lines) {
      count += 1;
      block += `${line}\n`;
      if (block.length >= WRITE_BYTES) {
        yield Buffer.from(block);
        block = '';
      }
    }
    yield Buffer.from(block);
  }
  await writeWhole(path, blocks(), (block) => {
    hash.update(block);
    bytes += block.length;
  });
  return { sha256: hash.digest('hex'), lines: count, bytes };
}

/** Writes a file beside its place, flushes it to disk and moves it there; a failure leaves nothing behind. */
async function writeWhole(path: string, blocks: AsyncIterable<Buffer>, onBlock: (block: Buffer) => void): Promise<void> {
  const partial = `${path}.${randomUUID()}.partial`;
  await mkdir(dirname(path), { recursive: true });
  const file = await open(partial, 'wx');
  try {
    for await (const block of blocks) {
      onBlock(block);
      await file.writeFile(block);
    }
    await file.sync();
    await rename(partial, path);
  } finally {
    await file.close();
    await rm(partial, { force: true });
  }
}
