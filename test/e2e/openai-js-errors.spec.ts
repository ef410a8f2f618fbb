import type OpenAI from 'openai';
import { APIConnectionTimeoutError, APIError, APIUserAbortError, AuthenticationError, BadRequestError, InternalServerError, NotFoundError, RateLimitError } from 'openai';
import { describe, expect, it } from 'vitest';
import { gather, SIDES, throughTriad, useOpenAiSides } from '../helpers/openai-sides.js';

const sides = useOpenAiSides();
const messages = [{ role: 'user' as const, content: 'olleh' }];
const raised = (promise: PromiseLike<unknown>) => Promise.resolve(promise).then(() => null, (error: unknown) => error as APIError);
const tool = { type: 'function' as const, function: { name: 'open' } };

describe.each(SIDES)('the official JavaScript client: errors and leaving: %s', (side) => {
  const create = (model: string, more: object = {}, options: OpenAI.RequestOptions = {}, client = sides.client(side)) =>
    client.chat.completions.create({ model: sides.model(side, model), messages, ...more }, options);
  const last = () => sides.fake.seen.at(-1)!;

  it.each([
    ['temperature', { temperature: 3 }, 'decimal_above_max_value', 'Expected a value <= 2, but got 3'],
    ['n', { n: 1.5 }, 'invalid_type', 'expected an integer'],
    ['max_tokens', { max_tokens: '9' }, 'invalid_type', 'expected an integer, but got a string'],
    ['stream_options', { stream_options: { include_usage: true } }, null, 'only allowed when \'stream\''],
    ['tool_choice', { tool_choice: 'auto' }, null, 'only allowed when \'tools\''],
    ['tools[0].function.name', { tools: [{ ...tool, function: { name: 'a b' } }] }, 'invalid_value', 'pattern'],
    ['tools[0].function', { tools: [{ type: 'function' }] }, 'missing_required_parameter', 'Missing required parameter'],
    ['messages[0].role', { messages: [{ role: 'robot', content: 'x' }] }, 'invalid_value', '\'user\''],
    ['messages[0].content', { messages: [{ role: 'user', content: 5 }] }, 'invalid_type', 'one of a string or array of objects'],
    ['messages[0].content[0].type', { messages: [{ role: 'user', content: [{ type: 'smell' }] }] }, 'invalid_value', '\'text\''],
    ['messages.[1].role', { messages: [...messages, { role: 'tool', tool_call_id: 'c', content: '' }] }, null, 'must be a response'],
    ['response_format', { response_format: { type: 'json_schema', json_schema: { name: 'a', strict: true, schema: { type: 'object', properties: {} } } } }, null, 'additionalProperties'],
    ['response_format.mood', { response_format: { type: 'text', mood: 1 } }, 'unknown_parameter', 'Unknown parameter'],
    [null, { no_such_field: 1 }, null, 'Unrecognized request argument supplied: no_such_field'],
  ])('400 of %s', async (param, more, code, message) => {
    const error = await raised(create('gpt-x', more));
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ status: 400, param, code, type: 'invalid_request_error', message: expect.stringContaining(message), requestID: expect.stringMatching(/^req/) });
  });

  it('400 of a model or messages that are missing, or no JSON', async () => {
    await expect(create('gpt-x', { messages: undefined })).rejects.toMatchObject({ status: 400, param: 'messages' });
    await expect(create('gpt-x', { messages: [] })).rejects.toMatchObject({ status: 400, param: 'messages' });
    await expect(create('gpt-x', { model: undefined })).rejects.toMatchObject({ status: 400, type: 'invalid_request_error' });
    const response = await sides.post(side, '/chat/completions', '{"model":');
    expect([response.status, await response.json()]).toMatchObject([400, { error: { type: 'invalid_request_error', param: null, code: expect.toSatisfy((code) => code === null || typeof code === 'string') } }]);
  });

  it('401 of a wrong key', async () => {
    const error = await raised(create('gpt-x', {}, {}, sides.client(side, { apiKey: 'sk-wrong' })));
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ status: 401, code: 'invalid_api_key', type: 'invalid_request_error', param: null });
  });

  it('404 of an unknown model, whole and streamed, and of an unknown route', async () => {
    for (const stream of [false, true]) {
      const error = await raised(create('nowhere', { stream }));
      expect(error).toBeInstanceOf(NotFoundError);
      expect(error).toMatchObject({ code: 'model_not_found', type: 'invalid_request_error' });
    }
    expect(await raised(sides.client(side).post('/nowhere', { body: {} }))).toBeInstanceOf(NotFoundError);
  });

  it.each([
    ['limits-rate', RateLimitError, 429, 'rate_limit_exceeded', '7'],
    ['has-no-quota', RateLimitError, 429, 'insufficient_quota', null],
    ['has-a-fault', InternalServerError, 500, null, null],
    ['is-overloaded', InternalServerError, 503, null, '2'],
  ])('%s, before the first byte, whole and streamed', async (model, type, status, code, retryAfter) => {
    for (const stream of [false, true]) {
      const error = await raised(create(model, { stream }));
      expect(error).toBeInstanceOf(type);
      expect(error).toMatchObject({ status, code });
      expect((error!.headers as Headers).get('retry-after')).toBe(retryAfter);
    }
  });

  it('retries by itself after a rate limit', async () => {
    const answer = await create('limits-rate-once', {}, { maxRetries: 1 });
    expect(answer).toMatchObject({ choices: [{ message: { content: 'hello' } }] });
  });

  it('raises what the server says within a stream, after the events before it', async () => {
    const stream = await sides.client(side).chat.completions.create({ model: sides.model(side, 'fails-midway'), messages, stream: true });
    let text = '';
    const error = await raised((async () => { for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''; })());
    expect(text).toBe('he');
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ type: 'server_error', message: expect.stringContaining('The server had an error') });
  });

  it('leaves before the first byte, whole and streamed: the call upstream is cancelled', async () => {
    for (const stream of [false, true]) {
      const before = sides.fake.seen.length;
      const leaving = new AbortController();
      const asked = raised(create('never-answers', { stream }, { signal: leaving.signal }));
      await expect.poll(() => sides.fake.seen.length).toBe(before + 1);
      leaving.abort();
      expect(await asked).toBeInstanceOf(APIUserAbortError);
      await last().gone;
    }
  });

  it('runs out of patience: the call upstream is cancelled', async () => {
    const before = sides.fake.seen.length;
    expect(await raised(create('never-answers', {}, { timeout: 300 }))).toBeInstanceOf(APIConnectionTimeoutError);
    if (sides.fake.seen.length > before) await last().gone;
  });

  it('leaves in the middle of a stream, in each of the client\'s ways', async () => {
    const start = async () => {
      const stream = await sides.client(side).chat.completions.create({ model: sides.model(side, 'falls-silent'), messages, stream: true });
      return { stream, seen: last() };
    };
    const aborted = await start();
    const iterator = aborted.stream[Symbol.asyncIterator]();
    await iterator.next();
    aborted.stream.controller.abort();
    await aborted.seen.gone;
    const broken = await start();
    for await (const chunk of broken.stream) if (chunk.choices[0]?.delta.content) break;
    await broken.seen.gone;
    const helper = sides.client(side).chat.completions.stream({ model: sides.model(side, 'falls-silent'), messages });
    helper.on('content', () => { helper.abort(); });
    expect(await raised(helper.finalContent())).toBeInstanceOf(APIUserAbortError);
    await last().gone;
  });

  it.runIf(!throughTriad(side))('asks for the organisation by its header, which is the provider\'s own affair', async () => {
    expect(await raised(create('gpt-x', {}, {}, sides.client(side, { organization: 'org-other' })))).toMatchObject({ status: 401, code: 'invalid_organization' });
    await create('gpt-x', {}, {}, sides.client(side, { organization: 'org-fake' }));
    expect(last().headers['openai-organization']).toBe('org-fake');
  });

  it.runIf(throughTriad(side))('asks the provider with its own key, and sends none of the caller\'s headers to it', async () => {
    await create('gpt-x', {}, {}, sides.client(side, { organization: 'org-other', project: 'proj-mine', defaultHeaders: { 'x-mine': 'secret', cookie: 'a=b' } }));
    expect(last().authorization).toBe(`Bearer ${sides.apiKey(SIDES[0])}`);
    expect(Object.keys(last().headers).sort()).toEqual(['authorization', 'connection', 'content-length', 'content-type', 'host']);
    expect(await raised(create('refuses-key'))).toMatchObject({ status: 502, code: 'upstream_failed' });
  });

  it('does not mix up what many streams at once are told', async () => {
    const words = Array.from({ length: 30 }, (_, index) => `word ${index} ${'x'.repeat(index)}`);
    const told = await Promise.all(words.map(async (word) => {
      const stream = await sides.client(side).chat.completions.create({ model: sides.model(side, 'gpt-x'), messages: [{ role: 'user', content: [...word].reverse().join('') }], stream: true });
      return (await gather(stream)).map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
    }));
    expect(told).toEqual(words);
  });
});
