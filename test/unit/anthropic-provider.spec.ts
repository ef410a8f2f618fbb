import OpenAI, { APIError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnthropicFake, startAnthropicFake } from '../helpers/anthropic-fake.js';
import { type Harness, startProtocolHarness } from '../helpers/protocol-harness.js';

const hello = [{ role: 'user' as const, content: 'olleh' }];
const open = { type: 'function' as const, function: { name: 'open', description: 'Opens.', parameters: { type: 'object', properties: { room: { type: 'string' } } } } };

describe('Anthropic\'s models through OpenAI\'s official client', () => {
  let fake: AnthropicFake;
  let harness: Harness;
  let openai: OpenAI;
  const ask = (more: object, model = 'claude-fake-1') => openai.chat.completions.create({ model, messages: hello, ...more } as OpenAI.ChatCompletionCreateParamsNonStreaming);
  const sent = () => fake.seen.at(-1)!.body;
  beforeAll(async () => {
    fake = await startAnthropicFake();
    harness = await startProtocolHarness('anthropic', fake.url);
    openai = new OpenAI({ baseURL: `${harness.url}/v1`, apiKey: 'triad_x', maxRetries: 0 });
  });
  afterAll(async () => {
    await harness.stop();
    await fake.stop();
  });

  it('answers a chat, with what it used', async () => {
    const answer = await ask({ messages: [{ role: 'system', content: 'Be brief.' }, { role: 'developer', content: 'Truly.' }, ...hello], temperature: 1.5, stop: 'x', user: 'u1', max_completion_tokens: 50, n: 1, seed: 4, store: false });
    expect(answer.choices[0]).toMatchObject({ message: { role: 'assistant', content: 'hello', refusal: null }, finish_reason: 'stop' });
    expect(answer).toMatchObject({ object: 'chat.completion', model: 'claude-fake-1', usage: { prompt_tokens: 20, prompt_tokens_details: { cached_tokens: 5, cache_write_tokens: 3 } } });
    expect(answer.usage!.total_tokens).toBe(20 + answer.usage!.completion_tokens);
    expect(sent()).toEqual({
      model: 'claude-fake-1', max_tokens: 50, system: [{ type: 'text', text: 'Be brief.' }, { type: 'text', text: 'Truly.' }], messages: [{ role: 'user', content: [{ type: 'text', text: 'olleh' }] }],
      stop_sequences: ['x'], temperature: 1, metadata: { user_id: 'u1' },
    });
    expect(fake.seen.at(-1)!.headers).toMatchObject({ 'x-api-key': 'sk-upstream', 'anthropic-version': '2023-06-01' });
  });

  it('streams, and tells usage when asked', async () => {
    const read = async (more: object) => {
      const chunks: OpenAI.ChatCompletionChunk[] = [];
      for await (const chunk of await openai.chat.completions.create({ model: 'claude-fake-1', messages: hello, stream: true, ...more })) chunks.push(chunk);
      return chunks;
    };
    const chunks = await read({ stream_options: { include_usage: true } });
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe('hello');
    expect(chunks[0]!.choices[0]!.delta.role).toBe('assistant');
    expect(chunks.at(-2)!.choices[0]!.finish_reason).toBe('stop');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 20, prompt_tokens_details: { cached_tokens: 5 } } });
    expect((await read({})).some((chunk) => chunk.usage)).toBe(false);
  });

  it('calls tools, and hears what came of it', async () => {
    const answer = await ask({ tools: [open], tool_choice: 'required', parallel_tool_calls: false });
    const { message, finish_reason } = answer.choices[0]!;
    expect(finish_reason).toBe('tool_calls');
    expect(message).toMatchObject({ content: null, tool_calls: [{ id: 'toolu_1', type: 'function', function: { name: 'open', arguments: '{"answer":"hello"}' } }] });
    expect(sent()).toMatchObject({ tools: [{ name: 'open', description: 'Opens.', input_schema: open.function.parameters }], tool_choice: { type: 'any', disable_parallel_tool_use: true } });
    const next = await ask({ messages: [...hello, message, { role: 'tool', tool_call_id: 'toolu_1', content: 'enod' }, { role: 'user', content: '!' }], tools: [open] });
    expect(next.choices[0]!.message.content).toBe('!done');
    expect(sent().messages.slice(1)).toEqual([
      { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: 'open', input: { answer: 'hello' } }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'enod' }] }, { type: 'text', text: '!' }] },
    ]);
  });

  it('streams calls of tools as the client gathers them, an empty input included', async () => {
    const stream = openai.chat.completions.stream({ model: 'calls-twice', messages: hello, tools: [open] });
    const { message, finish_reason } = (await stream.finalChatCompletion()).choices[0]!;
    expect(finish_reason).toBe('tool_calls');
    expect(message.content).toBe('Both.');
    expect(message.tool_calls!.map(({ id, function: called }: any) => [id, called.name, called.arguments])).toEqual([['toolu_1', 'open', '{"room":"studio"}'], ['toolu_2', 'open', '{}']]);
  });

  it('answers in JSON by a schema, and by the tool that stands for it', async () => {
    const schema = { type: 'object', properties: { answer: { type: 'string' } }, required: ['answer'] };
    const parsed = await openai.chat.completions.parse({ model: 'claude-fake-1', messages: hello, response_format: { type: 'json_schema', json_schema: { name: 'a', strict: true, schema } } });
    expect(parsed.choices[0]!.message.parsed).toEqual({ answer: 'hello' });
    expect(sent().output_config).toEqual({ format: { type: 'json_schema', schema: { ...schema, additionalProperties: false } } });
    const free = await ask({ response_format: { type: 'json_object' } });
    expect(free.choices[0]).toMatchObject({ message: { content: '{"answer":"hello"}' }, finish_reason: 'stop' });
    expect(free.choices[0]!.message.tool_calls).toBeUndefined();
    const stream = openai.chat.completions.stream({ model: 'claude-fake-1', messages: hello, response_format: { type: 'json_object' } });
    expect((await stream.finalChatCompletion()).choices[0]).toMatchObject({ message: { content: '{"answer":"hello"}' }, finish_reason: 'stop' });
  });

  it('hands thinking out, and back where a conversation goes on', async () => {
    const answer = await ask({ reasoning_effort: 'low' }, 'thinks');
    const { message } = answer.choices[0]!;
    expect(message).toMatchObject({ content: 'hello', reasoning_content: 'Hm, well.', thinking_blocks: [{ type: 'thinking', thinking: 'Hm, well.', signature: 'sig+1' }] });
    expect(sent()).toMatchObject({ thinking: { type: 'adaptive' }, output_config: { effort: 'low' } });
    await ask({ messages: [...hello, message, ...hello] }, 'thinks');
    expect(sent().messages[1].content[0]).toEqual({ type: 'thinking', thinking: 'Hm, well.', signature: 'sig+1' });
    let [thought, blocks]: [string, unknown[]] = ['', []];
    for await (const chunk of await openai.chat.completions.create({ model: 'thinks', messages: hello, stream: true })) {
      const delta = chunk.choices[0]?.delta as any;
      thought += (delta?.reasoning_content ?? '') as string;
      blocks = delta?.thinking_blocks ?? blocks;
    }
    expect([thought, blocks]).toEqual(['Hm, well.', [{ type: 'thinking', thinking: 'Hm, well.', signature: 'sig+1' }]]);
  });

  it('tells a refusal, with the reason', async () => {
    expect((await ask({}, 'refuses')).choices[0]).toMatchObject({ message: { content: '', refusal: 'It would do harm.' }, finish_reason: 'content_filter' });
    const stream = await openai.chat.completions.create({ model: 'refuses', messages: hello, stream: true });
    let refusal = '';
    let finish: string | null = null;
    for await (const chunk of stream) {
      refusal += chunk.choices[0]?.delta.refusal ?? '';
      finish = chunk.choices[0]?.finish_reason ?? finish;
    }
    expect([refusal, finish]).toEqual(['It would do harm.', 'content_filter']);
  });

  it.each([
    ['overloaded', 503, 'overloaded', 'Overloaded'],
    ['limits-rate', 429, 'rate_limit_exceeded', 'rate limit'],
    ['refuses-key', 401, null, 'invalid x-api-key'],
    ['too-long', 400, 'context_length_exceeded', 'too long'],
    ['speaks-html', 502, 'upstream_failed', 'no known shape'],
  ])('answers %s in OpenAI\'s shape', async (model, status, code, message) => {
    await expect(ask({}, model)).rejects.toMatchObject({ status, code, message: expect.stringContaining(message) });
  });

  it.each([
    ['n', { n: 2 }], ['logprobs', { logprobs: true }], ['logit_bias', { logit_bias: { 5: 1 } }], ['frequency_penalty', { frequency_penalty: 0.5 }], ['service_tier', { service_tier: 'flex' }],
    ['functions', { functions: [{ name: 'f' }] }], ['modalities', { modalities: ['audio'] }], ['tools[0]', { tools: [{ type: 'custom', custom: { name: 'x' } }] }],
    ['messages[0].content[0]', { messages: [{ role: 'user', content: [{ type: 'input_audio', input_audio: { data: '', format: 'wav' } }] }] }],
  ])('refuses what cannot be asked of it: %s', async (param, more) => {
    const before = fake.seen.length;
    await expect(ask(more)).rejects.toMatchObject({ status: 400, code: 'unsupported_parameter', param, type: 'invalid_request_error' });
    expect(fake.seen.length).toBe(before);
  });

  it('passes on what is Anthropic\'s own, and what nobody knows, which Anthropic refuses', async () => {
    await ask({ thinking: { type: 'enabled', budget_tokens: 1024 }, top_k: 5, top_p: 0.9, max_tokens: 2000 });
    expect(sent()).toMatchObject({ thinking: { type: 'enabled', budget_tokens: 1024 }, top_k: 5, top_p: 0.9, max_tokens: 2000 });
    await expect(ask({ colour: 'red' })).rejects.toMatchObject({ status: 400, message: expect.stringContaining('colour: Extra inputs') });
  });

  it('raises an error that comes within a stream', async () => {
    let text = '';
    const read = async () => { for await (const chunk of await openai.chat.completions.create({ model: 'errors-midway', messages: hello, stream: true })) text += chunk.choices[0]?.delta.content ?? ''; };
    const error = await read().catch((raised: unknown) => raised);
    expect(text).toBe('hel');
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ code: 'overloaded', message: expect.stringContaining('Overloaded') });
  });

  it('ends upstream when the client leaves', async () => {
    const stream = await openai.chat.completions.create({ model: 'falls-silent', messages: hello, stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
    await fake.seen.at(-1)!.gone;
  });
});
