import Anthropic, { APIError, APIUserAbortError, AuthenticationError } from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnthropicFake, startAnthropicFake } from '../helpers/anthropic-fake.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { type OpenAiFake, startOpenAiFake } from '../helpers/openai-fake.js';

const hello = [{ role: 'user' as const, content: 'olleh' }];
const open: Anthropic.Tool = { name: 'open', input_schema: { type: 'object', properties: { room: { type: 'string' } } } };
const PROVIDER = 'mutation ($input: CreateProviderInput!) { createProvider(input: $input) { id } }';
const DEPLOYMENT = 'mutation ($input: CreateDeploymentInput!) { createDeployment(input: $input) { id } }';

describe('Anthropic\'s protocol through the gateway, judged by the official clients', () => {
  let fake: AnthropicFake;
  let openaiFake: OpenAiFake;
  let gateway: Gateway;
  let client: Anthropic;
  let openai: OpenAI;
  const ask = (model: string, more: object = {}) => client.messages.create({ model, max_tokens: 100, messages: hello, ...more });
  beforeAll(async () => {
    fake = await startAnthropicFake();
    openaiFake = await startOpenAiFake();
    gateway = await startGateway({ env: { TRIAD_STREAM_IDLE_MS: '400' } });
    client = new Anthropic({ baseURL: gateway.url, apiKey: gateway.key, maxRetries: 0 });
    openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key, maxRetries: 0 });
    const prices = [{ model: 'claude-*', input: 3, output: 15, cachedInput: 0.3, cacheWrite: 3.75 }];
    await gateway.graphql(PROVIDER, { input: { name: 'anthropic', kind: 'anthropic', baseUrl: fake.url, apiKey: 'sk-ant', headers: [{ name: 'x-team', value: 'house' }], prices } });
    await gateway.graphql(PROVIDER, { input: { name: 'openai', baseUrl: openaiFake.url, apiKey: 'sk-openai' } });
    await gateway.graphql(DEPLOYMENT, { input: { name: 'assistant', target: 'anthropic/claude-fake-1' } });
    await gateway.graphql('mutation ($input: CreatePromptVersionInput!) { createPromptVersion(input: $input) { version } }',
      { input: { name: 'call', messages: [{ role: 'system', content: 'Be {{mood}}.' }, { role: 'user', content: 'Good day' }], labels: ['production'] } });
  });
  afterAll(async () => {
    await gateway.stop();
    await fake.stop();
    await openaiFake.stop();
  });

  it('passes a message on as it is, with the provider\'s own key and the caller\'s headers of the protocol', async () => {
    const message = await client.messages.create({ model: 'assistant', max_tokens: 100, messages: hello, service_tier: 'auto' }, { headers: { 'anthropic-beta': 'something-2026-01-01' } });
    expect(message).toMatchObject({ id: 'msg_fake', content: [{ type: 'text', text: 'hello' }], stop_reason: 'end_turn', usage: { cache_read_input_tokens: 5 } });
    expect(fake.seen.at(-1)).toMatchObject({ body: { model: 'claude-fake-1', max_tokens: 100, messages: hello, service_tier: 'auto' }, headers: { 'x-api-key': 'sk-ant', 'anthropic-beta': 'something-2026-01-01', 'x-team': 'house' } });
    expect(fake.seen.at(-1)!.headers.authorization).toBeUndefined();
  });

  it.each(['anthropic/claude-fake-1', 'openai/gpt-x'])('streams from %s', async (model) => {
    const pieces: string[] = [];
    const message = await client.messages.stream({ model, max_tokens: 100, messages: hello }).on('text', (piece) => pieces.push(piece)).finalMessage();
    expect(pieces.join('')).toBe('hello');
    expect(pieces.length).toBeGreaterThan(1);
    expect(message).toMatchObject({ content: [{ type: 'text', text: 'hello' }], stop_reason: 'end_turn' });
    expect(message.usage.output_tokens).toBeGreaterThan(1);
  });

  it('calls tools, streamed and not', async () => {
    expect(await ask('assistant', { tools: [open], tool_choice: { type: 'any' } })).toMatchObject({ stop_reason: 'tool_use', content: [{ type: 'tool_use', name: 'open', input: { answer: 'hello' } }] });
    const twice = await client.messages.stream({ model: 'anthropic/calls-twice', max_tokens: 100, messages: hello, tools: [open] }).finalMessage();
    expect(twice.content).toMatchObject([{ type: 'text' }, { type: 'tool_use', input: { room: 'studio' } }, { type: 'tool_use', input: {} }]);
  });

  it('renders a registered prompt before what the message says, for either protocol', async () => {
    const prompt = { name: 'call', variables: { mood: 'brief' } };
    await ask('assistant', { prompt });
    expect(fake.seen.at(-1)!.body).toMatchObject({ system: [{ type: 'text', text: 'Be brief.' }], messages: [{ role: 'user', content: 'Good day' }, ...hello] });
    expect(fake.seen.at(-1)!.body.prompt).toBeUndefined();
    await ask('openai/gpt-x', { prompt });
    expect(openaiFake.seen.at(-1)!.body.messages).toEqual([{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'Good day' }, ...hello]);
    await expect(ask('assistant', { prompt: { name: 'call' } })).rejects.toMatchObject({ status: 400, type: 'invalid_request_error', message: expect.stringContaining('mood') });
  });

  it('raises errors in Anthropic\'s shape', async () => {
    await expect(new Anthropic({ baseURL: gateway.url, apiKey: 'triad_no', maxRetries: 0 }).messages.create({ model: 'm', max_tokens: 1, messages: hello })).rejects.toBeInstanceOf(AuthenticationError);
    await expect(ask('nowhere')).rejects.toMatchObject({ status: 404, type: 'not_found_error' });
    await expect(ask('anthropic/limits-rate')).rejects.toMatchObject({ status: 429, type: 'rate_limit_error', headers: expect.objectContaining({}) });
    await expect(ask('anthropic/overloaded')).rejects.toMatchObject({ status: 503, type: 'overloaded_error' });
    await expect(ask('anthropic/refuses-key')).rejects.toMatchObject({ status: 502, type: 'api_error', message: expect.stringContaining('refused the key') });
    await expect(ask('anthropic/speaks-html')).rejects.toMatchObject({ status: 502, type: 'api_error' });
    await expect(client.messages.create({ model: 'assistant', messages: hello } as never)).rejects.toMatchObject({ status: 400, type: 'invalid_request_error', message: expect.stringContaining('max_tokens') });
  });

  it.each(['anthropic/errors-midway', 'anthropic/dies-midway', 'anthropic/falls-silent', 'openai/dies-midway'])('raises what breaks %s, after what came before', async (model) => {
    let text = '';
    const read = async () => { for await (const event of await client.messages.create({ model, max_tokens: 9, messages: hello, stream: true })) if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text; };
    const error = await read().catch((raised: unknown) => raised);
    expect(text).toMatch(/^he/);
    expect(error).toBeInstanceOf(APIError);
  });

  it('cancels upstream when the client leaves', async () => {
    for (const model of ['anthropic/falls-silent', 'openai/falls-silent']) {
      for await (const event of await client.messages.create({ model, max_tokens: 9, messages: hello, stream: true })) if (event.type === 'content_block_delta') break;
      await (model.startsWith('anthropic') ? fake : openaiFake).seen.at(-1)!.gone;
    }
    const leaving = new AbortController();
    const asked = client.messages.create({ model: 'anthropic/never-answers', max_tokens: 9, messages: hello }, { signal: leaving.signal }).catch((error: unknown) => error);
    await expect.poll(() => fake.seen.at(-1)!.body.model).toBe('never-answers');
    leaving.abort();
    expect(await asked).toBeInstanceOf(APIUserAbortError);
    await fake.seen.at(-1)!.gone;
  });

  it('answers OpenAI\'s client from Anthropic\'s models: plain, streamed, tools, structured', async () => {
    const tools = [{ type: 'function' as const, function: { name: 'open', parameters: { type: 'object', properties: {} } } }];
    expect((await openai.chat.completions.create({ model: 'assistant', messages: hello })).choices[0]!.message.content).toBe('hello');
    const streamed = await openai.chat.completions.stream({ model: 'anthropic/calls-twice', messages: hello, tools }).finalChatCompletion();
    expect(streamed.choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { content: 'Both.', tool_calls: [{ id: 'toolu_1' }, { id: 'toolu_2' }] } });
    const schema = { type: 'object', properties: { answer: { type: 'string' } }, required: ['answer'], additionalProperties: false };
    const parsed = await openai.chat.completions.parse({ model: 'assistant', messages: hello, response_format: { type: 'json_schema', json_schema: { name: 'a', strict: true, schema } } });
    expect(parsed.choices[0]!.message.parsed).toEqual({ answer: 'hello' });
    await expect(openai.chat.completions.create({ model: 'assistant', messages: hello, n: 2 })).rejects.toMatchObject({ status: 400, code: 'unsupported_parameter', param: 'n' });
    await expect(openai.embeddings.create({ model: 'assistant', input: 'x' })).rejects.toMatchObject({ status: 400, message: expect.stringContaining('Anthropic') });
  });

  it('counts what a stream used, cached tokens included, though the caller did not ask to be told', async () => {
    const spent = async () => (await (await fetch(`${gateway.url}/metrics`)).text()).split('\n').filter((line) => line.startsWith('triad_gateway_tokens_total') && line.includes('model="counted"') && line.includes('kind="prompt"'));
    for await (const chunk of await openai.chat.completions.create({ model: 'anthropic/counted', messages: hello, stream: true })) expect(chunk.usage).toBeUndefined();
    await expect.poll(spent).toEqual([expect.stringMatching(/ 20$/)]);
  });
});
