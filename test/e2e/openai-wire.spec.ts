import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fieldsOf } from '../helpers/openai-fake/check.js';
import { FUTURE_ANSWER, FUTURE_EVENTS } from '../helpers/openai-fake/misbehaviour.js';
import { type OpenAiFake, startOpenAiFake } from '../helpers/openai-fake.js';
import { SIDES, useOpenAiSides } from '../helpers/openai-sides.js';

const sides = useOpenAiSides();
const messages = [{ role: 'user', content: 'é "olleh" \u2028 😀' }];
const tools = [{ type: 'function', function: { name: 'open', parameters: { type: 'object', properties: { room: { type: 'string' } } } } }];
/** A value of each field that OpenAI publishes for chat, other than its default. */
const GOLDEN: Record<string, unknown> = {
  messages: [{ role: 'developer', content: [{ type: 'text', text: 'Say JSON.' }] }, { role: 'user', name: 'ada', content: [{ type: 'text', text: 'hi' }, { type: 'input_audio', input_audio: { data: 'AA==', format: 'wav' } }, { type: 'file', file: { file_id: 'file-1' } }] }],
  model: 'gpt-x',
  audio: { voice: 'alloy', format: 'mp3' },
  frequency_penalty: -1.5,
  function_call: { name: 'open' },
  functions: [{ name: 'open', parameters: {} }],
  logit_bias: { '50256': -100 },
  logprobs: true,
  max_completion_tokens: 7,
  max_tokens: 8,
  metadata: { purpose: 'golden' },
  modalities: ['text', 'audio'],
  moderation: { model: 'omni-moderation-latest' },
  n: 2,
  parallel_tool_calls: false,
  prediction: { type: 'content', content: [{ type: 'text', text: 'olleh' }] },
  presence_penalty: 0.25,
  prompt_cache_key: 'cache',
  prompt_cache_options: {},
  prompt_cache_retention: '24h',
  reasoning_effort: 'low',
  response_format: { type: 'json_schema', json_schema: { name: 'a', strict: true, schema: { type: 'object', properties: {}, additionalProperties: false } } },
  safety_identifier: 'someone',
  seed: 9007199254740991,
  service_tier: 'flex',
  stop: ['a', 'b'],
  store: true,
  stream: false,
  stream_options: null,
  temperature: 0,
  tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [{ type: 'function', function: { name: 'open' } }] } },
  tools: [...tools, { type: 'custom', custom: { name: 'any', format: { type: 'grammar', grammar: { syntax: 'regex', definition: 'a+' } } } }],
  top_logprobs: 3,
  top_p: 0.5,
  user: 'ada',
  verbosity: 'high',
  web_search_options: { search_context_size: 'low', user_location: { type: 'approximate', approximate: { country: 'GB' } } },
};

/** The headers of an answer that may differ: about the connection, the moment, and who answers. */
const OWN_HEADERS = /^(date|connection|keep-alive|content-length|transfer-encoding|x-request-id|x-ratelimit-.*|openai-.*|x-triad-.*|x-accel-buffering|cache-control|vary|server-timing)$/;
const told = async (response: Response) => ({ status: response.status, body: await response.text() });
const REQUESTS: [route: string, path: string, name: string, body: Record<string, unknown> & { model: string }][] = [
  ['chat', '/chat/completions', 'a chat', { model: 'gpt-x', messages, n: 2, logprobs: true }],
  ['chat', '/chat/completions', 'a stream', { model: 'gpt-x', messages, stream: true, stream_options: { include_usage: true } }],
  ['chat', '/chat/completions', 'a stream without usage', { model: 'gpt-x', messages, stream: true, stream_options: null }],
  ['chat', '/chat/completions', 'streamed calls of tools', { model: 'gpt-x', messages: [{ role: 'user', content: 'open' }], tools, stream: true }],
  ['chat', '/chat/completions', 'a field too many', { model: 'gpt-x', messages, mood: 1 }],
  ['chat', '/chat/completions', 'a value too high', { model: 'gpt-x', messages, top_p: 2 }],
  ['chat', '/chat/completions', 'a fault', { model: 'has-a-fault', messages }],
  ['chat', '/chat/completions', 'an overload', { model: 'is-overloaded', messages, stream: true }],
  ['chat', '/chat/completions', 'a fault within a stream', { model: 'fails-midway', messages, stream: true }],
  ['chat', '/chat/completions', 'a rate limit', { model: 'limits-rate', messages }],
  ['chat', '/chat/completions', 'an answer of the future', { model: 'is-of-the-future', messages }],
  ['chat', '/chat/completions', 'a stream of the future', { model: 'is-of-the-future', messages, stream: true }],
  ['checks', '/chat/completions', 'no messages', { model: 'gpt-x' }],
  ['checks', '/chat/completions', 'an empty list of messages', { model: 'gpt-x', messages: [] }],
  ['checks', '/chat/completions', 'messages that are no list', { model: 'gpt-x', messages: { role: 'user' } }],
  ['checks', '/chat/completions', 'a message without a role', { model: 'gpt-x', messages: [{ content: 'a' }] }],
  ['checks', '/chat/completions', 'content of the wrong type', { model: 'gpt-x', messages: [{ role: 'user', content: 5 }] }],
  ['checks', '/chat/completions', 'a decimal for an integer', { model: 'gpt-x', messages, n: 1.5 }],
  ['checks', '/chat/completions', 'a string for an integer', { model: 'gpt-x', messages, max_tokens: '9' }],
  ['checks', '/chat/completions', 'a string for a decimal', { model: 'gpt-x', messages, temperature: 'hot' }],
  ['checks', '/chat/completions', 'a string for a boolean', { model: 'gpt-x', messages, stream: 'yes' }],
  ['checks', '/chat/completions', 'a number for one of two types', { model: 'gpt-x', messages, stop: 5 }],
  ['checks', '/completions', 'a wrong prompt', { model: 'gpt-3.5-turbo-instruct', prompt: 5 }],
  ['checks', '/embeddings', 'no input', { model: 'text-embedding-3-small' }],
  ['checks', '/embeddings', 'a wrong input', { model: 'text-embedding-3-small', input: true }],
  ['completions', '/completions', 'a completion', { model: 'gpt-3.5-turbo-instruct', prompt: ['a"', '\u00e9'], echo: true }],
  ['completions', '/completions', 'a streamed completion', { model: 'gpt-3.5-turbo-instruct', prompt: 'ab', stream: true, stream_options: { include_usage: true } }],
  ['embeddings', '/embeddings', 'an embedding', { model: 'text-embedding-3-small', input: ['a', 'b'] }],
  ['embeddings', '/embeddings', 'an embedding in base64', { model: 'text-embedding-3-small', input: [1, 2], encoding_format: 'base64', dimensions: 3 }],
  ['images', '/images/generations', 'a picture', { model: 'gpt-image-1', prompt: 'p' }],
  ['images', '/images/generations', 'a streamed picture', { model: 'gpt-image-1', prompt: 'p', stream: true, partial_images: 1 }],
];

describe.each(SIDES.slice(1))('byte by byte: %s', (side) => {
  it.each(REQUESTS)('%s %s: %s', async (_, path, __, body) => {
    const [direct, through] = [await sides.post(SIDES[0], path, body), await sides.post(side, path, { ...body, model: sides.model(side, body.model) })];
    expect(await told(through)).toEqual(await told(direct));
    for (const [name, value] of direct.headers) if (!OWN_HEADERS.test(name)) expect([name, through.headers.get(name)?.replace(/; charset=utf-8$/, '')]).toEqual([name, value.replace(/; charset=utf-8$/, '')]);
    expect(through.headers.get('x-request-id')).toMatch(/^req/);
  });

  it('what no client of today knows comes as it is, whole and streamed', async () => {
    const ask = async (stream: boolean) => (await sides.post(side, '/chat/completions', { model: sides.model(side, 'is-of-the-future'), messages, stream })).text();
    expect(await ask(false)).toBe(FUTURE_ANSWER);
    expect(await ask(true)).toBe(FUTURE_EVENTS.join(''));
  });
});

describe('what is passed on to a provider', () => {
  let lenient: OpenAiFake;
  beforeAll(async () => {
    lenient = await startOpenAiFake();
    await sides.gateway.graphql('mutation ($input: CreateProviderInput!) { createProvider(input: $input) { id } }', { input: { name: 'lenient', baseUrl: lenient.url } });
  });
  afterAll(() => lenient.stop());
  const passedOn = async (body: object) => {
    const before = lenient.seen.length;
    await (await sides.post(SIDES[1], '/chat/completions', { messages, ...body, model: 'lenient/gpt-x' })).text();
    expect(lenient.seen).toHaveLength(before + 1);
    return lenient.seen.at(-1)!.body;
  };

  it('the list is of every field that OpenAI publishes', () => {
    expect(Object.keys(GOLDEN).sort()).toEqual(fieldsOf('ChatCompletionCreateParamsBase').sort());
  });

  it.each(Object.keys(GOLDEN))('%s', async (field) => {
    expect(await passedOn({ [field]: GOLDEN[field] })).toEqual({ messages, [field]: GOLDEN[field], model: 'gpt-x' });
  });

  it('all at once, and each as null', async () => {
    expect(await passedOn(GOLDEN)).toEqual(GOLDEN);
    const nothing = Object.fromEntries(Object.keys(GOLDEN).filter((field) => !['messages', 'model'].includes(field)).map((field) => [field, null]));
    expect(await passedOn(nothing)).toEqual({ ...nothing, messages, model: 'gpt-x' });
  });

  it('fields that nobody has published, whatever they are and hold', async () => {
    const name = fc.string({ minLength: 1, maxLength: 20 }).filter((each) => !(each in GOLDEN) && !['prompt', '__proto__', 'constructor'].includes(each));
    await fc.assert(fc.asyncProperty(fc.dictionary(name, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 5, noNullPrototype: true }), async (more) => {
      const sent = JSON.parse(JSON.stringify(more));
      expect(await passedOn(sent)).toEqual({ ...sent, messages, model: 'gpt-x' });
    }), { numRuns: 60 });
  });

  it('messages with roles, parts and fields of tomorrow', async () => {
    const tomorrow = [{ role: 'oracle', content: [{ type: 'smell', smell: { of: 'rain' } }], mood: 0.5 }, ...messages];
    expect((await passedOn({ messages: tomorrow })).messages).toEqual(tomorrow);
  });
});
