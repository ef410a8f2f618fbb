import { describe, expect, it } from 'vitest';
import type { DatasetFormat } from './dataset.entity.js';
import { normaliseRow } from './normalise.js';

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });
const system = (content: string) => ({ role: 'system', content });
const hh = (...turns: string[]) => turns.map((turn, index) => `\n\n${index % 2 === 0 ? 'Human' : 'Assistant'}: ${turn}`).join('');

describe('normaliseRow', () => {
  it.each<[string, DatasetFormat, Record<string, unknown>, object]>([
    ['own sft', 'sft', { completion: 'b', input: { y: 2, x: 'a' } }, { input: { x: 'a', y: 2 }, completion: 'b' }],
    ['TRL prompt and completion', 'sft', { prompt: 'a', completion: 'b' }, { prompt: [user('a')], completion: 'b' }],
    ['TRL conversational', 'sft', { prompt: [system('s'), user('a')], completion: [assistant('b')] }, { prompt: [system('s'), user('a')], completion: 'b' }],
    ['OpenAI chat', 'sft', { messages: [{ role: 'developer', content: 's' }, user('a'), assistant('b')] }, { prompt: [system('s'), user('a')], completion: 'b' }],
    ['several turns', 'sft', { messages: [user('a'), assistant('b'), user('c'), assistant('d')] }, { prompt: [user('a'), assistant('b'), user('c')], completion: 'd' }],
    ['parts of text', 'sft', { messages: [user([{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }] as never), assistant('c')] }, { prompt: [user('ab')], completion: 'c' }],
    ['prompt beside messages', 'sft', { prompt: 'a', prompt_id: 7, messages: [user('a'), assistant('b')] }, { prompt: [user('a')], completion: 'b', prompt_id: 7 }],
    ['TRL preference', 'preference', { prompt: 'a', chosen: 'b', rejected: 'c', slice: 'hard', margin: 0.5 }, { prompt: [user('a')], slice: 'hard', chosen: 'b', rejected: 'c', margin: 0.5 }],
    ['TRL preference, conversational', 'preference', { prompt: [user('a')], chosen: [assistant('b')], rejected: [assistant('c')] }, { prompt: [user('a')], chosen: 'b', rejected: 'c' }],
    ['whole conversations beside the prompt', 'preference', { prompt: 'a', chosen: [user('a'), assistant('b')], rejected: [user('a'), assistant('c')] }, { prompt: [user('a')], chosen: 'b', rejected: 'c' }],
    ['implicit prompt', 'preference', { chosen: [user('a'), assistant('b')], rejected: [user('a'), assistant('c')] }, { prompt: [user('a')], chosen: 'b', rejected: 'c' }],
    ['OpenAI preference', 'preference', { input: { messages: [user('a')], tools: [] }, preferred_output: [assistant('b')], non_preferred_output: [assistant('c')] }, { prompt: [user('a')], chosen: 'b', rejected: 'c' }],
    ['Anthropic-HH', 'preference', { chosen: hh('a\nb', 'c', 'd', 'e'), rejected: hh('a\nb', 'c', 'd', 'f') }, { prompt: [user('a\nb'), assistant('c'), user('d')], chosen: 'e', rejected: 'f' }],
    ['prompt with columns', 'prompt', { expected: 'on', input: { s: 'a' }, hard: true, tags: ['x'], note: null }, { input: { s: 'a' }, expected: 'on', hard: true }],
    ['prompt from chat', 'prompt', { messages: [user('a'), assistant('b')] }, { prompt: [user('a')], completion: 'b' }],
    ['a column named like an object\'s', 'prompt', JSON.parse('{"prompt": "a", "__proto__": "p", "constructor": "c"}'), JSON.parse('{"prompt": [{"role": "user", "content": "a"}], "__proto__": "p", "constructor": "c"}')],
  ])('reads %s', (_, format, source, expected) => {
    const row = normaliseRow(source, format);
    expect(row).toEqual(expected);
    expect(JSON.stringify(normaliseRow(JSON.parse(JSON.stringify(row)), format)), 'a normalised row stays as it is').toBe(JSON.stringify(row));
  });

  it('writes equal rows as equal text, whatever the order of their columns', () => {
    const text = (source: Record<string, unknown>) => JSON.stringify(normaliseRow(source, 'prompt'));
    expect(text({ b: 1, a: 2, input: { y: 1, x: 2 } })).toBe(text({ input: { x: 2, y: 1 }, a: 2, b: 1 }));
  });

  it.each<[DatasetFormat, Record<string, unknown>, string]>([
    ['sft', { text: 'x' }, 'is no sft row'],
    ['sft', { completion: 'x' }, 'column prompt is missing'],
    ['sft', { prompt: 'a', input: { x: 1 }, completion: 'b' }, 'both prompt and input'],
    ['sft', { prompt: 'a', completion: ' \n' }, 'column completion is empty'],
    ['sft', { prompt: 'a', completion: [assistant('b'), assistant('c')] }, 'column completion must be text or one assistant message'],
    ['sft', { prompt: 'a', completion: [user('b')] }, 'column completion must be text or one assistant message'],
    ['sft', { prompt: [user('a'), assistant('b')], completion: 'c' }, 'column prompt ends with the assistant'],
    ['sft', { prompt: [{ role: 'tool', content: 'a' }], completion: 'c' }, 'column prompt.0.role must be system'],
    ['sft', { prompt: [{ role: 'user', content: null }], completion: 'c' }, 'column prompt.0.content must be text'],
    ['sft', { prompt: 7, completion: 'c' }, 'column prompt must be text or a list'],
    ['sft', { messages: [user('a')] }, 'column messages must end with the assistant'],
    ['sft', { messages: [assistant('a')] }, 'column messages holds no turn before'],
    ['sft', { messages: [] }, 'column messages is empty'],
    ['sft', { input: { x: null }, completion: 'c' }, 'column input.x must be text, number or boolean'],
    ['sft', { input: {}, completion: 'c' }, 'column input is empty'],
    ['sft', { input: 'x', completion: 'c' }, 'column input must be an object'],
    ['preference', { prompt: 'a', chosen: 'b' }, 'column rejected is missing'],
    ['preference', { prompt: 'a', chosen: 'b', rejected: 'b' }, 'chosen and rejected are the same'],
    ['preference', { prompt: 'a', chosen: 'b', rejected: 'c', slice: 3 }, 'column slice must be text'],
    ['preference', { chosen: 'b', rejected: 'c' }, 'column prompt is missing, and chosen is no transcript'],
    ['preference', { chosen: hh('a', 'b'), rejected: hh('x', 'b') }, 'do not begin with the same turns'],
    ['preference', { chosen: hh('a', 'b', 'c', 'd'), rejected: hh('a', 'x', 'c', 'd') }, 'column chosen must be text or one assistant'],
    ['preference', { input: {}, preferred_output: [assistant('b')], non_preferred_output: [assistant('c')] }, 'column input.messages must be'],
    ['prompt', { expected: 'x' }, 'column prompt is missing'],
  ])('names what is wrong in %s %j', (format, source, message) => {
    expect(() => normaliseRow(source, format)).toThrow(message);
  });
});
