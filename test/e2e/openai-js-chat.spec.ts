import type OpenAI from 'openai';
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod';
import type { ChatCompletionCreateParamsNonStreaming, ChatCompletionTool } from 'openai/resources/chat/completions';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { REFUSAL } from '../helpers/openai-fake/chat.js';
import { gather, SIDES, throughTriad, useOpenAiSides } from '../helpers/openai-sides.js';

const sides = useOpenAiSides();
const said = (content: string) => [{ role: 'user' as const, content }];
const tool = (name: string, properties: object): ChatCompletionTool =>
  ({ type: 'function', function: { name, strict: true, parameters: { type: 'object', properties, required: Object.keys(properties), additionalProperties: false } } });
const tools = [tool('open_blind', { room: { type: 'string' } }), tool('set_light', { level: { type: 'integer', minimum: 3 } })];

describe.each(SIDES)('the official JavaScript client: chat: %s', (side) => {
  const openai = () => sides.client(side);
  const gpt = (name = 'gpt-x') => sides.model(side, name);
  const ask = (more: Partial<ChatCompletionCreateParamsNonStreaming>, name?: string): Promise<OpenAI.ChatCompletion> =>
    openai().chat.completions.create({ model: gpt(name), messages: said('olleh'), ...more });

  it('plain, with the request\'s id and the headers of the answer', async () => {
    const { data, response, request_id } = await openai().chat.completions.create({ model: gpt(), messages: said('olleh') }).withResponse();
    expect(data).toMatchObject({ object: 'chat.completion', model: 'gpt-x', choices: [{ message: { role: 'assistant', content: 'hello', refusal: null }, finish_reason: 'stop' }], usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } });
    expect(response.headers.get('content-type')).toContain('application/json');
    expect(request_id).toMatch(/^req/);
    expect((await ask({}) as { _request_id?: string })._request_id).toMatch(/^req/);
  });

  it('with n, stop, the longest answer, and log probabilities', async () => {
    const { choices } = await ask({ n: 2, stop: ['l'], logprobs: true, top_logprobs: 2 });
    expect(choices.map(({ message, finish_reason }) => [message.content, finish_reason])).toEqual([['he', 'stop'], ['he', 'stop']]);
    expect(choices[0]!.logprobs!.content!.map(({ token, top_logprobs }) => [token, top_logprobs.length])).toEqual([['h', 2], ['e', 2]]);
    expect((await ask({ max_completion_tokens: 3 })).choices[0]).toMatchObject({ message: { content: 'hel' }, finish_reason: 'length' });
  });

  it('with pictures and several parts, a system\'s and a developer\'s message', async () => {
    const content = [{ type: 'text' as const, text: 'a b' }, { type: 'image_url' as const, image_url: { url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'low' as const } }];
    const messages = [{ role: 'developer' as const, content: 'Be kind.' }, { role: 'user' as const, name: 'ada', content }];
    const { choices, usage } = await ask({ messages });
    expect([choices[0]!.message.content, usage!.prompt_tokens]).toEqual(['b a', 105]);
    expect(sides.fake.seen.at(-1)!.body.messages).toEqual(messages);
  });

  it('streamed, with usage', async () => {
    const stream = await openai().chat.completions.create({ model: gpt(), messages: said('olleh'), stream: true, stream_options: { include_usage: true } });
    const chunks = await gather(stream);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe('hello');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 5 } });
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });

  it('streamed by the helper that gathers, with its events', async () => {
    const stream = openai().chat.completions.stream({ model: gpt(), messages: said('olleh'), n: 2, logprobs: true });
    const deltas: string[] = [];
    stream.on('content', (delta) => deltas.push(delta));
    const whole = await stream.finalChatCompletion();
    expect(whole.choices.map(({ message }) => message.content)).toEqual(['hello', 'hello (1)']);
    expect(deltas.join('')).toBe('hellohello (1)');
    expect(whole.choices[0]!.logprobs!.content).toHaveLength(5);
  });

  it('calls several tools at once, and takes their answers', async () => {
    const messages = said('open_blind and set_light');
    const { choices } = await ask({ messages, tools });
    const calls = choices[0]!.message.tool_calls!;
    expect(choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { content: null } });
    expect(calls).toMatchObject([{ type: 'function', function: { name: 'open_blind', arguments: JSON.stringify({ room: messages[0]!.content }) } }, { function: { name: 'set_light', arguments: '{"level":3}' } }]);
    const answered = await ask({ tools, messages: [...messages, choices[0]!.message, ...calls.map(({ id }) => ({ role: 'tool' as const, tool_call_id: id, content: 'enod' }))] });
    expect(answered.choices[0]!.message.content).toBe('done');
  });

  it('calls the tool that it must, one at a time, or none', async () => {
    const names = async (more: object) => (await ask({ messages: said('open_blind, set_light'), tools, ...more })).choices[0]!.message.tool_calls?.map((call) => call.type === 'function' && call.function.name);
    expect(await names({ tool_choice: { type: 'function', function: { name: 'set_light' } } })).toEqual(['set_light']);
    expect(await names({ parallel_tool_calls: false })).toEqual(['open_blind']);
    expect(await names({ tool_choice: 'none' })).toBeUndefined();
    expect(await names({ messages: said('hm'), tool_choice: 'required' })).toEqual(['open_blind']);
  });

  it('streams the arguments of several calls in pieces', async () => {
    const create = { model: gpt(), messages: said('open_blind and set_light'), tools };
    const pieces: string[][] = [[], []];
    for await (const chunk of await openai().chat.completions.create({ ...create, stream: true })) {
      for (const { index, function: called } of chunk.choices[0]?.delta.tool_calls ?? []) pieces[index]!.push(called!.arguments!);
    }
    expect(pieces.map((each) => each.join(''))).toEqual(['{"room":"open_blind and set_light"}', '{"level":3}']);
    expect(pieces[0]!.length).toBeGreaterThan(3);
    const helped = await openai().chat.completions.stream(create).finalMessage();
    expect(helped.tool_calls).toMatchObject([{ function: { name: 'open_blind', arguments: pieces[0]!.join('') } }, { function: { name: 'set_light' } }]);
  });

  it.each([false, true])('runs tools until the model has what it needs (streamed: %s)', async (stream) => {
    const called: number[] = [];
    const runnable = { type: 'function' as const, function: { name: 'set_light', parse: JSON.parse, function: ({ level }: { level: number }) => { called.push(level); return 'enod'; }, description: 'Sets it.', parameters: { type: 'object', properties: { level: { type: 'integer', minimum: 3 } } } } };
    const create = { model: gpt(), messages: said('set_light'), tools: [runnable] };
    const runner = stream ? openai().chat.completions.runTools({ ...create, stream: true }) : openai().chat.completions.runTools(create);
    expect(await runner.finalContent()).toBe('done');
    expect(called).toEqual([3]);
  });

  it('parses structured output and tools against their schemas, whole and streamed', async () => {
    const Light = z.object({ room: z.string(), level: z.number().int(), mode: z.enum(['warm', 'cold']), steps: z.array(z.object({ on: z.boolean() })) });
    const create = { model: gpt(), messages: said('olleh'), response_format: zodResponseFormat(Light, 'light') };
    const light = { room: 'hello', level: expect.any(Number), mode: 'warm', steps: [{ on: true }] };
    expect((await openai().chat.completions.parse(create)).choices[0]!.message.parsed).toEqual(light);
    expect((await openai().chat.completions.stream(create).finalChatCompletion()).choices[0]!.message.parsed).toEqual(light);
    const withTool = await openai().chat.completions.parse({ model: gpt(), messages: said('call it'), tools: [zodFunction({ name: 'call', parameters: Light })] });
    expect(withTool.choices[0]!.message.tool_calls![0]!.function.parsed_arguments).toMatchObject({ mode: 'warm' });
  });

  it('gives a refusal, whole, parsed and streamed', async () => {
    expect((await ask({}, 'refuses')).choices[0]!.message).toMatchObject({ content: null, refusal: REFUSAL });
    const create = { model: gpt('refuses'), messages: said('olleh'), response_format: zodResponseFormat(z.object({ a: z.string() }), 'a') };
    expect((await openai().chat.completions.parse(create)).choices[0]!.message).toMatchObject({ parsed: null, refusal: REFUSAL });
    expect((await openai().chat.completions.stream(create).finalMessage()).refusal).toBe(REFUSAL);
  });

  it.runIf(throughTriad(side))('renders a registered prompt, which the client sends as an extra field', async () => {
    const prompt = (more: object) => ({ model: gpt(), messages: said('more'), prompt: { name: 'house/call', variables: { mood: 'brief', sentence: 'lights on' }, ...more } });
    const rendered = [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'lights on' }, ...said('more')];
    expect((await openai().chat.completions.create(prompt({ label: 'production' }))).choices[0]!.message.content).toBe('erom');
    expect(sides.fake.seen.at(-1)!.body).toEqual({ model: 'gpt-x', messages: rendered });
    await gather(await openai().chat.completions.create({ ...prompt({ version: 1 }), stream: true }));
    expect(sides.fake.seen.at(-1)!.body).toEqual({ model: 'gpt-x', stream: true, messages: rendered });
    await expect(openai().chat.completions.create(prompt({ label: 'none' }))).rejects.toMatchObject({ status: 404 });
    await expect(openai().chat.completions.create(prompt({ variables: {} }))).rejects.toMatchObject({ status: 400, code: 'undefined_variable' });
  });
});
