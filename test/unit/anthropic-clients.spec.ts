import Anthropic, { APIError, APIUserAbortError } from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnthropicFake, startAnthropicFake } from '../helpers/anthropic-fake.js';
import { type OpenAiFake, startOpenAiFake } from '../helpers/openai-fake.js';
import { type Harness, startProtocolHarness } from '../helpers/protocol-harness.js';

const hello = [{ role: 'user' as const, content: 'olleh' }];
const open: Anthropic.Tool = { name: 'open', description: 'Opens.', input_schema: { type: 'object', properties: { room: { type: 'string' } } } };
const clientOf = (harness: Harness) => new Anthropic({ baseURL: harness.url, apiKey: 'triad_x', maxRetries: 0 });

let fake: AnthropicFake;
let openaiFake: OpenAiFake;
let direct: Harness;
/** OpenAI's shapes in the middle: what is asked comes to the fake in Anthropic's again. */
let through: Harness;
let plain: Harness;
beforeAll(async () => {
  fake = await startAnthropicFake();
  openaiFake = await startOpenAiFake();
  direct = await startProtocolHarness('anthropic', fake.url);
  through = await startProtocolHarness('openai', `${direct.url}/v1`);
  plain = await startProtocolHarness('openai', openaiFake.url);
});
afterAll(async () => {
  for (const each of [direct, through, plain, fake, openaiFake]) await each.stop();
});

describe.each([['a provider of its own kind', () => direct], ['one that speaks OpenAI\'s', () => through]])('Anthropic\'s official client and %s', (_, harness) => {
  let client: Anthropic;
  const ask = (more: object, model = 'claude-fake-1') => client.messages.create({ model, max_tokens: 100, messages: hello, ...more });
  beforeAll(() => { client = clientOf(harness()); });

  it('gets an answer, with what it used', async () => {
    const message = await ask({ system: 'Be brief.', stop_sequences: ['x'], metadata: { user_id: 'u' }, temperature: 0.5 });
    expect(message).toMatchObject({
      id: 'msg_fake', type: 'message', role: 'assistant', model: 'claude-fake-1', content: [{ type: 'text', text: 'hello' }], stop_reason: 'end_turn', stop_details: null,
      usage: { input_tokens: 12, cache_read_input_tokens: 5, cache_creation_input_tokens: 3 },
    });
    expect(fake.seen.at(-1)!.body).toMatchObject({ max_tokens: 100, stop_sequences: ['x'], metadata: { user_id: 'u' }, temperature: 0.5 });
  });

  it('gathers a stream', async () => {
    const stream = client.messages.stream({ model: 'claude-fake-1', max_tokens: 100, messages: hello });
    const pieces: string[] = [];
    stream.on('text', (piece) => pieces.push(piece));
    const message = await stream.finalMessage();
    expect(pieces).toEqual(['hel', 'lo']);
    expect(message).toMatchObject({ content: [{ type: 'text', text: 'hello' }], stop_reason: 'end_turn', usage: { input_tokens: 12, cache_read_input_tokens: 5 } });
    expect(message.usage.output_tokens).toBeGreaterThan(1);
  });

  it('calls tools, streamed and not, and hears what came of it', async () => {
    const message = await ask({ tools: [open], tool_choice: { type: 'any', disable_parallel_tool_use: true } });
    expect(message).toMatchObject({ stop_reason: 'tool_use', content: [{ type: 'tool_use', id: 'toolu_1', name: 'open', input: { answer: 'hello' } }] });
    expect(fake.seen.at(-1)!.body.tool_choice).toEqual({ type: 'any', disable_parallel_tool_use: true });
    const content = [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'enod', is_error: false }, { type: 'text', text: '!' }];
    expect(await ask({ messages: [...hello, { role: 'assistant', content: message.content }, { role: 'user', content }], tools: [open] })).toMatchObject({ content: [{ type: 'text', text: '!done' }] });
    const twice = await client.messages.stream({ model: 'calls-twice', max_tokens: 100, messages: hello, tools: [open] }).finalMessage();
    expect(twice.stop_reason).toBe('tool_use');
    expect(twice.content).toMatchObject([{ type: 'text', text: 'Both.' }, { type: 'tool_use', id: 'toolu_1', input: { room: 'studio' } }, { type: 'tool_use', id: 'toolu_2', input: {} }]);
  });

  it('answers by a schema, and shows pictures and papers', async () => {
    const schema = { type: 'object', properties: { answer: { type: 'string' } }, required: ['answer'], additionalProperties: false };
    const message = await ask({ output_config: { format: { type: 'json_schema', schema }, effort: 'high' } });
    expect(message.content).toMatchObject([{ type: 'text', text: '{"answer":"hello"}' }]);
    expect(fake.seen.at(-1)!.body.output_config).toEqual({ format: { type: 'json_schema', schema }, effort: 'high' });
    const content = [
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } }, { type: 'image', source: { type: 'url', url: 'https://x/y.png' } },
      { type: 'document', title: 'a.pdf', source: { type: 'base64', media_type: 'application/pdf', data: 'aGk=' } }, { type: 'text', text: 'olleh' },
    ];
    await ask({ messages: [{ role: 'user', content }] });
    expect(fake.seen.at(-1)!.body.messages[0].content).toEqual(content);
  });

  it('tells a refusal', async () => {
    expect(await ask({}, 'refuses')).toMatchObject({ stop_reason: 'refusal', stop_details: { type: 'refusal', explanation: 'It would do harm.' } });
    expect(await client.messages.stream({ model: 'refuses', max_tokens: 9, messages: hello }).finalMessage()).toMatchObject({ stop_reason: 'refusal', stop_details: { explanation: 'It would do harm.' } });
  });

  it.each([
    ['limits-rate', 429, 'rate_limit_error', 'rate limit'],
    ['too-long', 400, 'invalid_request_error', 'too long'],
    ['overloaded', 503, 'overloaded_error', 'Overloaded'],
  ])('raises %s in Anthropic\'s shape', async (model, status, type, message) => {
    const error = await ask({}, model).catch((raised: unknown) => raised);
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ status, type, message: expect.stringContaining(message), error: { type: 'error', request_id: 'req_1' } });
  });

  it('names a field that is missing or wrong', async () => {
    await expect(client.messages.create({ model: 'm', messages: hello } as never)).rejects.toMatchObject({ status: 400, type: 'invalid_request_error', message: expect.stringContaining('max_tokens') });
    await expect(ask({ messages: 'hi' })).rejects.toMatchObject({ status: 400, message: expect.stringContaining('Invalid type for \'messages\'') });
  });

  it('raises an error that comes within a stream', async () => {
    let text = '';
    const read = async () => {
      for await (const event of await client.messages.create({ model: 'errors-midway', max_tokens: 9, messages: hello, stream: true })) {
        if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text;
      }
    };
    await expect(read()).rejects.toMatchObject({ type: 'overloaded_error', message: expect.stringContaining('Overloaded') });
    expect(text).toBe('hel');
  });

  it('ends upstream when it leaves', async () => {
    const stream = await client.messages.create({ model: 'falls-silent', max_tokens: 9, messages: hello, stream: true });
    for await (const event of stream) if (event.type === 'content_block_delta') break;
    await fake.seen.at(-1)!.gone;
    const leaving = new AbortController();
    const asked = client.messages.create({ model: 'never-answers', max_tokens: 9, messages: hello }, { signal: leaving.signal }).catch((error: unknown) => error);
    await expect.poll(() => fake.seen.at(-1)!.body.model).toBe('never-answers');
    leaving.abort();
    expect(await asked).toBeInstanceOf(APIUserAbortError);
    await fake.seen.at(-1)!.gone;
  });
});

it('passes a request to a provider of its own kind on as it is', async () => {
  const body = {
    model: 'thinks', max_tokens: 2000, messages: [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'olleh', cache_control: { type: 'ephemeral' as const } }] }],
    thinking: { type: 'enabled' as const, budget_tokens: 1024 }, service_tier: 'auto' as const,
  };
  const message = await clientOf(direct).messages.create(body);
  expect(fake.seen.at(-1)!.body).toEqual(body);
  expect(message.content[0]).toEqual({ type: 'thinking', thinking: 'Hm, well.', signature: 'sig+1' });
  expect((await clientOf(direct).messages.stream(body).finalMessage()).content[0]).toEqual({ type: 'thinking', thinking: 'Hm, well.', signature: 'sig+1' });
});

it('says of what only Anthropic does that it is so', async () => {
  const ask = (more: object) => clientOf(through).messages.create({ model: 'm', max_tokens: 9, messages: hello, ...more });
  await expect(ask({ tools: [{ type: 'web_search_20250305', name: 'web_search' }] })).rejects.toMatchObject({ status: 400, apiMessage: expect.stringContaining('tools.0 is of type "web_search_20250305"') });
  await expect(ask({ container: 'c' })).rejects.toMatchObject({ status: 400, message: expect.stringContaining('kind anthropic') });
  await expect(ask({ messages: [{ role: 'user', content: [{ type: 'search_result', source: 'x', title: 't', content: [] }] }] })).rejects.toMatchObject({ status: 400 });
});

it('asks an ordinary OpenAI-compatible server', async () => {
  const client = clientOf(plain);
  expect(await client.messages.create({ model: 'gpt-x', max_tokens: 9, system: [{ type: 'text', text: 'Be brief.' }], messages: hello })).toMatchObject({ content: [{ text: 'hello' }], stop_reason: 'end_turn', usage: { output_tokens: 5 } });
  expect(openaiFake.seen.at(-1)!.body).toEqual({ model: 'gpt-x', max_completion_tokens: 9, messages: [{ role: 'system', content: 'Be brief.' }, ...hello] });
  expect(await client.messages.stream({ model: 'gpt-x', max_tokens: 9, messages: hello }).finalMessage()).toMatchObject({ content: [{ text: 'hello' }], usage: { input_tokens: 10, output_tokens: 5 } });
  expect(openaiFake.seen.at(-1)!.body.stream_options).toEqual({ include_usage: true });
});
