import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { LogEvent } from '../contracts/contracts.generated.js';
import { nextInOrder, parseBatch } from './run-event-batch.js';

const fixture = JSON.parse(readFileSync('contracts/fixtures/run-events.json', 'utf8')) as { events: { seq: number }[] };
const log = (seq: number, message = 'x'): LogEvent => ({ seq, at: '2026-11-23T10:57:01Z', type: 'log', level: 'info', message });

describe('batches of events', () => {
  it('takes every kind of event of the shared fixture', () => {
    expect(parseBatch(fixture).events).toHaveLength(fixture.events.length);
  });

  it.each([
    ['no object', null],
    ['another version', { contractVersion: 2, attempt: 1, events: [log(1)] }],
    ['no event', { contractVersion: 1, attempt: 1, events: [] }],
    ['a time that is none', { contractVersion: 1, attempt: 1, events: [{ ...log(1), at: 'yesterday' }] }],
    ['an unknown field', { contractVersion: 1, attempt: 1, events: [{ ...log(1), extra: 1 }] }],
    ['an unknown type', { contractVersion: 1, attempt: 1, events: [{ ...log(1), type: 'shell' }] }],
    ['more than 500', { contractVersion: 1, attempt: 1, events: Array.from({ length: 501 }, (_, index) => log(index + 1)) }],
  ])('refuses %s', (_, body) => {
    expect(() => parseBatch(body)).toThrow('run-events.schema.json');
  });

  it('replaces NUL, which Postgres cannot store', () => {
    expect(parseBatch({ contractVersion: 1, attempt: 1, events: [log(1, 'a\0b')] }).events[0]).toMatchObject({ message: 'a\uFFFDb' });
  });
});

describe('order', () => {
  const seqs = (given: number[], last: number) => nextInOrder(given.map((seq) => log(seq)), last).map((event) => event.seq);

  it.each([
    [[1, 2, 3], 0, [1, 2, 3]],
    [[1, 2, 3], 2, [3]],
    [[1, 2, 3], 3, []],
    [[3, 1, 2, 2], 0, [1, 2, 3]],
    [[1, 2, 4, 5], 0, [1, 2]],
    [[4, 5], 2, []],
  ])('of %j after %i takes %j', (given, last, taken) => {
    expect(seqs(given, last)).toEqual(taken);
  });
});
