import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asEvents } from './replay.js';
import { StreamAssembler, type StreamedOperation } from './stream-assembler.js';

const text = fc.string({ unit: 'binary', maxLength: 30 }).filter((value) => value.length > 0 && Buffer.from(value).toString() === value);
const nullable = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null });
const token = fc.record({ token: text, logprob: fc.integer({ min: -20, max: 0 }), bytes: fc.constant(null), top_logprobs: fc.constant([]) });
const toolCall = fc.record({ id: text, type: fc.constant('function'), function: fc.record({ name: text, arguments: text }) });
const usage = fc.record({ prompt_tokens: fc.nat(), completion_tokens: fc.nat(), total_tokens: fc.nat(), prompt_tokens_details: fc.record({ cached_tokens: fc.nat() }) });
const reason = fc.constantFrom('stop', 'length', 'tool_calls', 'content_filter');
const head = { id: text, created: fc.nat(), model: text, system_fingerprint: nullable(text) };
const numbered = <T extends object>(choices: T[]) => choices.map((choice, index) => ({ index, ...choice }));

const chat = fc.record({
  ...head, object: fc.constant('chat.completion'), usage,
  choices: fc.array(fc.record({
    message: fc.tuple(fc.record({ role: fc.constant('assistant'), content: nullable(text), refusal: nullable(text) }), fc.record({ tool_calls: fc.array(toolCall, { minLength: 1, maxLength: 3 }), reasoning_content: text }, { requiredKeys: [] }))
      .map(([said, more]) => ({ ...said, ...more })),
    logprobs: nullable(fc.record({ content: fc.array(token, { minLength: 1, maxLength: 4 }) })), finish_reason: reason,
  }), { minLength: 1, maxLength: 3 }).map(numbered),
});
const completion = fc.record({
  ...head, object: fc.constant('text_completion'), usage,
  choices: fc.array(fc.record({ text, logprobs: nullable(fc.record({ tokens: fc.array(text, { minLength: 1 }), text_offset: fc.array(fc.nat(), { minLength: 1 }) })), finish_reason: reason }), { minLength: 1, maxLength: 3 }).map(numbered),
});

const randomFrom = (seed: number) => () => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;

/** Cuts a text at places that chance chooses, perhaps between halves of a character. */
const cut = (value: string, random: () => number): string[] => {
  const pieces: string[] = [];
  for (let rest = value; rest !== '';) {
    const length = 1 + Math.floor(random() * rest.length);
    pieces.push(rest.slice(0, length));
    rest = rest.slice(length);
  }
  return pieces;
};

/** As a provider streams it: a first delta with the role, texts and arguments in pieces, choices mixed, usage at the end. */
function streamed(operation: StreamedOperation, answer: any, random: () => number): string[] {
  const { choices, usage: used, object: _, ...rest } = answer;
  const frame = (list: object[], more: object = {}) => JSON.stringify({ ...rest, object: operation === 'chat' ? 'chat.completion.chunk' : 'text_completion', choices: list, ...more });
  const queues: object[][] = choices.map(({ index, finish_reason: why, ...choice }: any) => {
    const piece = (of: object) => ({ index, finish_reason: null, ...of });
    const delta = (of: object) => piece({ delta: of });
    const logprobs = Object.entries((choice.logprobs ?? {}) as Record<string, object[]>).flatMap(([name, list]) => list.map((each) => piece({ ...(operation === 'chat' ? { delta: {} } : { text: '' }), logprobs: { [name]: [each] } })));
    const end = { ...piece({}), ...(operation === 'chat' ? { delta: {} } : { text: '' }), finish_reason: why };
    if (operation === 'completion') return [...cut(choice.text, random).map((each) => piece({ text: each, logprobs: null })), ...logprobs, end];
    const { role, content, refusal, tool_calls: calls = [], ...more } = choice.message;
    const texts = Object.entries({ content, refusal, ...more }).flatMap(([name, value]) => (value === null ? [] : cut(value as string, random).map((each) => delta({ [name]: each }))));
    const tools = calls.flatMap(({ function: called, ...call }: any, at: number) => [
      delta({ tool_calls: [{ index: at, ...call, function: { name: called.name, arguments: '' } }] }),
      ...cut(called.arguments, random).map((each) => delta({ tool_calls: [{ index: at, function: { arguments: each } }] })),
    ]);
    return [delta({ role, content: content === null ? null : '', refusal: null }), ...texts, ...tools, ...logprobs, end];
  });
  const frames: string[] = [];
  while (queues.some((queue) => queue.length > 0)) {
    const queue = queues[Math.floor(random() * queues.length)]!;
    if (queue.length > 0) frames.push(frame([queue.shift()!]));
  }
  return [...frames, frame([], { usage: used }), '[DONE]'];
}

const assemble = (operation: StreamedOperation, events: string[]) => {
  const assembler = new StreamAssembler(operation);
  for (const event of events) assembler.add(event);
  return assembler;
};

describe('StreamAssembler', () => {
  it('makes of the chunks of a chat completion the whole one', () => {
    fc.assert(fc.property(chat, fc.nat(), (answer, seed) => {
      const made = assemble('chat', streamed('chat', answer, randomFrom(seed)));
      expect(made.answer()).toEqual(answer);
    }), { numRuns: 300 });
  });

  it('makes of the chunks of a completion the whole one', () => {
    fc.assert(fc.property(completion, fc.nat(), (answer, seed) => {
      expect(assemble('completion', streamed('completion', answer, randomFrom(seed))).answer()).toEqual(answer);
    }), { numRuns: 300 });
  });

  it('is undone by asEvents', () => {
    const undone = (operation: StreamedOperation) => (answer: any) => {
      const assembler = new StreamAssembler(operation);
      assembler.addEvents(asEvents(operation, answer, true));
      expect(assembler.answer()).toEqual(answer);
    };
    fc.assert(fc.property(chat, undone('chat')), { numRuns: 200 });
    fc.assert(fc.property(completion, undone('completion')), { numRuns: 200 });
  });

  it('takes anything without harm, and tells what came before a stream broke off', () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.json(), fc.string(), fc.constant('{"choices":[{"delta":{"__proto__":{"x":1},"content":"a"}}]}'))), (events) => {
      assemble('chat', events).answer();
      expect(({} as { x?: number }).x).toBeUndefined();
    }));
    const broken = assemble('chat', ['{"id":"a","choices":[{"index":0,"delta":{"content":"he"}}]}', '{"error":{"message":"broke off"}}']);
    expect(broken.answer()).toMatchObject({ id: 'a', choices: [{ message: { role: 'assistant', content: 'he' }, finish_reason: null }] });
    expect(new StreamAssembler('chat').answer()).toBeNull();
  });

  it('gives up on what is too long to keep', () => {
    const assembler = assemble('chat', Array.from({ length: 5 }, () => JSON.stringify({ choices: [{ delta: { content: 'x'.repeat(1_000_000) } }] })));
    expect([assembler.isTooLong, assembler.answer()]).toEqual([true, null]);
  });
});
