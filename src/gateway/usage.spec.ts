import { describe, expect, it } from 'vitest';
import { NO_USAGE } from '../deployments/pricing.js';
import { MAX_TOKENS } from '../limits/buckets.js';
import { StreamUsage, usageOf } from './usage.js';

const body = (usage: unknown, more: object = {}) => JSON.stringify({ ...more, usage });
const usage = (told: object) => ({ ...NO_USAGE, ...told });

describe('a whole answer', () => {
  it.each([
    ['chat', { prompt_tokens: 9, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 5, cache_write_tokens: 1 } }, { promptTokens: 9, completionTokens: 4, cachedTokens: 5, cacheWriteTokens: 1 }],
    ['embedding', { prompt_tokens: 9, total_tokens: 9 }, { promptTokens: 9 }],
    ['message', { input_tokens: 9, output_tokens: 4, cache_read_input_tokens: 5, cache_creation_input_tokens: null }, { promptTokens: 14, completionTokens: 4, cachedTokens: 5 }],
    ['image', { input_tokens: 9, output_tokens: 4, total_tokens: 13 }, { promptTokens: 9, completionTokens: 4, images: 2 }],
    ['chat', { prompt_tokens: 9, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 100 } }, { promptTokens: 9, completionTokens: 4, cachedTokens: 9 }],
    ['chat', { prompt_tokens: 9, completion_tokens: 4, prompt_tokens_details: { cached_tokens: -1, cache_write_tokens: 'x' } }, { promptTokens: 9, completionTokens: 4 }],
  ] as const)('of a %s says what it used: %j', (operation, told, expected) => {
    expect(usageOf(operation, body(told, { data: [{}, {}] }), {})).toEqual(usage(expected));
  });

  it.each([
    { prompt_tokens: -1, completion_tokens: 4 }, { prompt_tokens: 1e308, completion_tokens: 4 }, { prompt_tokens: 1.5, completion_tokens: 1 }, { prompt_tokens: '9', completion_tokens: 4 }, { input_tokens: 1, output_tokens: MAX_TOKENS + 1 }, null, 5, [],
  ])('is not believed what cannot be true: %j', (told) => {
    const { promptTokens, completionTokens } = usageOf('chat', body(told), { messages: [{ role: 'user', content: 'x'.repeat(400) }] });
    expect(promptTokens).toBeGreaterThan(100);
    expect(promptTokens).toBeLessThan(150);
    expect(completionTokens).toBeLessThan(100);
  });

  it('without usage is guessed by its length, and images are counted', () => {
    expect(usageOf('embedding', '{"data":[]}', { input: ['x'.repeat(40)] })).toEqual(usage({ promptTokens: expect.any(Number) as number }));
    expect(usageOf('image', '{"data":[{},{},{}]}', { prompt: 'x' })).toEqual(usage({ images: 3 }));
    expect(usageOf('image', 'no json', { prompt: 'x' })).toEqual(NO_USAGE);
  });
});

describe('a stream', () => {
  const frame = (event: unknown) => `data: ${JSON.stringify(event)}\n\n`;

  it('is counted by the usage that it tells, last', () => {
    const stream = new StreamUsage({});
    stream.see(frame({ choices: [{}], usage: null }) + frame({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 4 } }), 2);
    expect(stream.usage(true)).toEqual(usage({ promptTokens: 9, completionTokens: 4 }));
  });

  it('of Anthropic\'s puts together what it told at both ends', () => {
    const stream = new StreamUsage({});
    stream.see(frame({ type: 'message_start', message: { usage: { input_tokens: 9, output_tokens: 1, cache_read_input_tokens: 5 } } }), 1);
    expect(stream.usage(true)).toMatchObject({ promptTokens: 14, completionTokens: 1 });
    stream.see(frame({ type: 'message_delta', usage: { input_tokens: null, output_tokens: 40 } }), 1);
    expect(stream.usage(true)).toEqual(usage({ promptTokens: 14, completionTokens: 40, cachedTokens: 5 }));
  });

  it('that breaks off before it tells its output is counted by its events', () => {
    const stream = new StreamUsage({ messages: [] });
    stream.see(frame({ type: 'message_start', message: { usage: { input_tokens: 9, output_tokens: 1 } } }), 1);
    stream.see(frame({ type: 'content_block_delta' }).repeat(30), 30);
    expect(stream.usage(false)).toMatchObject({ promptTokens: 9, completionTokens: 31 });
    expect(stream.usage(true)).toMatchObject({ promptTokens: 9, completionTokens: 1 });
  });

  it('that tells nothing, or what cannot be, is counted by its events', () => {
    const stream = new StreamUsage({ messages: [{ content: 'x'.repeat(40) }] });
    expect(stream.usage(true)).toEqual(NO_USAGE);
    stream.see(frame({ usage: { prompt_tokens: -5, completion_tokens: 1e99 } }) + frame('say "usage": never'), 2);
    expect(stream.usage(true)).toMatchObject({ completionTokens: 2 });
    expect(stream.usage(true).promptTokens).toBeGreaterThan(10);
  });
});
