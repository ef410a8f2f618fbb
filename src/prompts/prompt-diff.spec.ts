import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChatTemplate } from './prompt.entity.js';
import { jsonChanges, MessageDiff } from './prompt-diff.js';

const system = (content: string): ChatTemplate => ({ role: 'system', content });
const user = (content: string): ChatTemplate => ({ role: 'user', content });
const diff = (from: ChatTemplate[], to: ChatTemplate[]) => new MessageDiff(from, to).changes();
const brief = (from: ChatTemplate[], to: ChatTemplate[]) => diff(from, to).map(({ kind, from: a, to: b }) => [kind, a, b]);

describe('MessageDiff', () => {
  it('tells the words that changed', () => {
    expect(diff([system('You are kind.'), user('Hi {{name}}')], [system('You are very kind.'), user('Hi {{name}}')])).toEqual([
      { kind: 'changed', from: 0, to: 0, fromRole: 'system', toRole: 'system', hunks: [{ kind: 'equal', text: 'You are ' }, { kind: 'added', text: 'very ' }, { kind: 'equal', text: 'kind.' }] },
      { kind: 'equal', from: 1, to: 1, fromRole: 'user', toRole: 'user', hunks: [{ kind: 'equal', text: 'Hi {{name}}' }] },
    ]);
  });

  it('tells what was added, removed and moved, and a role that changed', () => {
    expect(brief([user('a')], [system('s'), user('a')])).toEqual([['added', null, 0], ['equal', 0, 1]]);
    expect(brief([system('s'), user('a')], [user('a')])).toEqual([['removed', 0, null], ['equal', 1, 0]]);
    expect(brief([user('one'), system('two'), user('three')], [system('two'), user('three'), user('one')])).toEqual([['equal', 1, 0], ['equal', 2, 1], ['moved', 0, 2]]);
    expect(diff([user('same')], [system('same')])).toEqual([{ kind: 'changed', from: 0, to: 0, fromRole: 'user', toRole: 'system', hunks: [{ kind: 'equal', text: 'same' }] }]);
  });

  const messages = fc.array(fc.record({ role: fc.constantFrom('system' as const, 'user' as const, 'assistant' as const), content: fc.constantFrom('', 'a', 'a b', 'b a c', 'x\ny') }), { maxLength: 6 });
  it('has every message of both once, and hunks that make up both texts', () => {
    fc.assert(fc.property(messages, messages, (from, to) => {
      const changes = diff(from, to);
      const all = (side: 'from' | 'to') => changes.flatMap((change) => change[side] ?? []).sort((a, b) => a - b);
      expect([all('from'), all('to')]).toEqual([from.map((_, index) => index), to.map((_, index) => index)]);
      for (const { hunks, from: a, to: b } of changes) {
        const text = (not: 'added' | 'removed') => hunks.filter(({ kind }) => kind !== not).map((hunk) => hunk.text).join('');
        if (a !== null) expect(text('added')).toBe(from[a]!.content);
        if (b !== null) expect(text('removed')).toBe(to[b]!.content);
      }
    }), { numRuns: 1000 });
  });

  it.each([
    ['words that all differ', [user(Array.from({ length: 60_000 }, (_, index) => `a${index}`).join(' '))], [user(Array.from({ length: 60_000 }, (_, index) => `b${index}`).join(' '))]],
    ['one long word', [user('x'.repeat(3_000_000))], [user('y'.repeat(3_000_000))]],
    ['many lines', [user('a\nb\n'.repeat(400_000))], [user('b\nc\na\n'.repeat(300_000))]],
    ['many messages', Array.from({ length: 5000 }, (_, index) => user(`a ${index}`)), Array.from({ length: 5000 }, (_, index) => user(`b ${index}`))],
    ['white space', [user(' \n\t'.repeat(60_000))], [user('\n \t'.repeat(60_000))]],
  ])('ends for %s', (_, from, to) => {
    const changes = diff(from, to);
    expect(changes.flatMap(({ hunks }) => hunks.filter(({ kind }) => kind !== 'removed').map(({ text }) => text)).join('')).toBe(to.map(({ content }) => content).join(''));
  });
});

describe('jsonChanges', () => {
  it('points at what differs', () => {
    expect(jsonChanges({ a: 1, 'b/c': { '~': [1, 2] }, gone: null }, { a: 2, 'b/c': { '~': [1, 3, 4] }, come: {} })).toEqual([
      { kind: 'changed', pointer: '/a', from: 1, to: 2 },
      { kind: 'changed', pointer: '/b~1c/~0/1', from: 2, to: 3 },
      { kind: 'added', pointer: '/b~1c/~0/2', from: null, to: 4 },
      { kind: 'removed', pointer: '/gone', from: null, to: null },
      { kind: 'added', pointer: '/come', from: null, to: {} },
    ]);
    expect(jsonChanges({ a: [] }, { a: {} })).toEqual([{ kind: 'changed', pointer: '/a', from: [], to: {} }]);
    expect(jsonChanges({ a: { b: [1] } }, { a: { b: [1] } })).toEqual([]);
  });

  it('shows a bounded number of them', () => {
    expect(jsonChanges({}, Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`k${index}`, 1])))).toHaveLength(1000);
  });
});
