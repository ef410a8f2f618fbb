import OpenAI, { APIError, APIUserAbortError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModelService } from '../../src/models/model.service.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { type OpenAiFake, startOpenAiFake } from '../helpers/openai-fake.js';
import { contextOf, registerStubAdapter, registerStubModel, registerStubReward } from '../helpers/stub-model.js';

const PROVIDER = 'mutation ($input: CreateProviderInput!) { createProvider(input: $input) { id name baseUrl hasKey } }';
const DEPLOYMENT = 'mutation ($input: CreateDeploymentInput!) { createDeployment(input: $input) { id name target } }';
const hello = [{ role: 'user' as const, content: 'olleh' }];

describe('deployments over an OpenAI-compatible provider', () => {
  let fake: OpenAiFake;
  let gateway: Gateway;
  let openai: OpenAI;
  beforeAll(async () => {
    fake = await startOpenAiFake();
    gateway = await startGateway({ env: { TRIAD_STREAM_IDLE_MS: '400' } });
    openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key, maxRetries: 0 });
    await gateway.graphql(PROVIDER, { input: { name: 'fake', baseUrl: `${fake.url}/`, apiKey: 'sk-provider' } });
    await gateway.graphql(DEPLOYMENT, { input: { name: 'house-assistant', target: 'fake/gpt-x' } });
    await gateway.graphql('mutation ($input: CreatePromptVersionInput!) { createPromptVersion(input: $input) { version } }',
      { input: { name: 'house/call', messages: [{ role: 'system', content: 'Be {{mood}}.' }, { role: 'user', content: '{{sentence}}' }], labels: ['production'] } });
  });
  afterAll(async () => {
    await gateway.stop();
    await fake.stop();
  });

  it('passes everything but the model name on untouched, with the provider\'s own key', async () => {
    const tools = [{ type: 'function' as const, function: { name: 'open', parameters: { type: 'object', properties: {} } } }];
    const { data, response } = await openai.chat.completions.create({
      model: 'house-assistant', messages: hello, temperature: 0.25, tools, response_format: { type: 'json_object' }, logit_bias: { '50256': -100 }, metadata: { a: 'b' },
    }).withResponse();
    expect(data.choices[0]!.message.content).toBe('hello');
    expect(response.headers.get('x-request-id')).toMatch(/^req-/);
    expect(fake.seen.at(-1)).toMatchObject({
      authorization: 'Bearer sk-provider',
      body: { model: 'gpt-x', messages: hello, temperature: 0.25, tools, response_format: { type: 'json_object' }, logit_bias: { '50256': -100 }, metadata: { a: 'b' } },
    });
    expect(Object.keys(fake.seen.at(-1)!.body).sort()).toEqual(['logit_bias', 'messages', 'metadata', 'model', 'response_format', 'temperature', 'tools']);
  });

  it('streams, with usage when asked', async () => {
    const stream = await openai.chat.completions.create({ model: 'fake/gpt-x', messages: hello, stream: true, stream_options: { include_usage: true } });
    let text = '';
    let usage;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage ??= chunk.usage;
    }
    expect(text).toBe('hello');
    expect(usage).toMatchObject({ completion_tokens: 5 });
  });

  it('ends the raw stream with [DONE], each event whole', async () => {
    const response = await gateway.fetch('/v1/chat/completions', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'fake/m', messages: hello, stream: true }) });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const events = (await response.text()).split('\n\n');
    expect(events.slice(-2)).toEqual(['data: [DONE]', '']);
    for (const event of events.slice(0, -2)) expect(() => JSON.parse(event.slice('data: '.length))).not.toThrow();
  });

  it('renders a registered prompt on the server, by reference or by name, before the messages of the request', async () => {
    const ask = (prompt: object, messages: typeof hello | undefined) =>
      openai.chat.completions.create({ model: 'house-assistant', ...(messages && { messages }), prompt } as never) as Promise<OpenAI.ChatCompletion>;
    await ask({ ref: 'prompts:/house/call@production', variables: { mood: 'brief', sentence: 'lights on' } }, undefined);
    const rendered = [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'lights on' }];
    expect(fake.seen.at(-1)!.body).toEqual({ model: 'gpt-x', messages: rendered });
    await ask({ name: 'house/call', version: 1, variables: { mood: 'brief', sentence: 'lights on' } }, hello);
    expect(fake.seen.at(-1)!.body.messages).toEqual([...rendered, ...hello]);
    await expect(ask({ name: 'house/call', variables: { mood: 'brief' } }, undefined)).rejects.toMatchObject({ status: 400, code: 'undefined_variable', param: 'variables.sentence' });
    await expect(ask({ variables: {} }, undefined)).rejects.toMatchObject({ status: 400, param: 'prompt' });
  });

  it.each([
    ['an unknown model', 'nowhere', 404, 'model_not_found', 'PROVIDER/MODEL'],
    ['an unknown registered model', 'models:/none@champion', 404, 'model_not_found', 'none'],
    ['a key that the provider refuses', 'fake/refuses-key', 502, 'upstream_failed', 'refused the key'],
    ['a provider\'s rate limit', 'fake/limits-rate', 429, 'rate_limit_exceeded', 'Rate limit reached.'],
    ['a proxy\'s error page', 'fake/speaks-html', 502, 'upstream_failed', 'status 502'],
  ])('answers %s in OpenAI\'s shape', async (_, model, status, code, message) => {
    const error = await openai.chat.completions.create({ model, messages: hello }).then(() => null, (raised: unknown) => raised);
    expect(error).toMatchObject({ status, code, message: expect.stringContaining(message), requestID: expect.stringMatching(/^req-/) });
  });

  it('keeps Retry-After, and names the field at fault', async () => {
    const error = await openai.chat.completions.create({ model: 'fake/limits-rate', messages: hello }).catch((raised: unknown) => raised) as APIError;
    expect(error.headers?.get('retry-after')).toBe('7');
    await expect(openai.chat.completions.create({ model: 'fake/m', messages: [] })).rejects.toMatchObject({ status: 400, param: 'messages' });
    await expect(openai.chat.completions.create({ messages: hello } as never)).rejects.toMatchObject({ status: 400, param: 'model' });
  });

  it.each(['dies-midway', 'ends-early', 'falls-silent'])('tells the client when a stream %s, after the whole events before it', async (model) => {
    const stream = await openai.chat.completions.create({ model: `fake/${model}`, messages: hello, stream: true });
    let text = '';
    const failure = await (async () => { for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''; })().catch((error: unknown) => error);
    expect(text).toBe('he');
    expect(failure).toBeInstanceOf(APIError);
    expect(failure).toMatchObject({ code: 'upstream_failed', message: expect.stringContaining('broke off') });
  });

  it('cancels upstream when the client leaves', async () => {
    const leaving = new AbortController();
    const stream = await openai.chat.completions.create({ model: 'fake/falls-silent', messages: hello, stream: true }, { signal: leaving.signal });
    await stream[Symbol.asyncIterator]().next();
    leaving.abort();
    await fake.seen.at(-1)!.gone;
  });

  it('cancels upstream when the client of an answer in one piece leaves', async () => {
    const leaving = new AbortController();
    const asked = openai.chat.completions.create({ model: 'fake/never-answers', messages: hello }, { signal: leaving.signal }).catch((error: unknown) => error);
    await expect.poll(() => fake.seen.at(-1)?.body.model).toBe('never-answers');
    leaving.abort();
    await fake.seen.at(-1)!.gone;
    expect(await asked).toBeInstanceOf(APIUserAbortError);
  });

  it('says which provider does not answer', async () => {
    await gateway.graphql(PROVIDER, { input: { name: 'absent', baseUrl: 'http://127.0.0.1:9/v1' } });
    await expect(openai.chat.completions.create({ model: 'absent/m', messages: hello })).rejects.toMatchObject({ status: 502, message: expect.stringContaining('"absent" at http://127.0.0.1:9/v1 does not answer') });
  });

  it('stores keys encrypted and shows none; names are unique; a target must exist', async () => {
    const { providers } = await gateway.graphql('{ providers { nodes { name hasKey } } }');
    expect(providers.nodes).toContainEqual({ name: 'fake', hasKey: true });
    await expect(gateway.graphql(PROVIDER, { input: { name: 'fake', baseUrl: fake.url } })).rejects.toMatchObject({ code: 'conflict' });
    await expect(gateway.graphql(PROVIDER, { input: { name: 'a/b', baseUrl: fake.url } })).rejects.toMatchObject({ code: 'bad_input' });
    await expect(gateway.graphql(PROVIDER, { input: { name: 'dear', baseUrl: fake.url, prices: [{ model: '*', input: 0, output: 1e306 }] } })).rejects.toMatchObject({ code: 'bad_input' });
    await expect(gateway.graphql(DEPLOYMENT, { input: { name: 'd', target: 'nobody/m' } })).rejects.toMatchObject({ code: 'model_not_found' });
    const again = () => gateway.graphql(DEPLOYMENT, { input: { name: 'house-assistant', target: 'fake/gpt-x' } });
    expect(await again()).toEqual(await again());
    await expect(gateway.graphql(DEPLOYMENT, { input: { name: 'house-assistant', target: 'fake/m' } })).rejects.toMatchObject({ code: 'conflict' });
  });

  it('does not show one tenant\'s deployments and providers to another', async () => {
    const other = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.otherKey, maxRetries: 0 });
    for (const model of ['house-assistant', 'fake/gpt-x']) {
      await expect(other.chat.completions.create({ model, messages: hello })).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
    }
    expect((await other.models.list()).data).toEqual([]);
    await expect(new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'no', maxRetries: 0 }).models.list()).rejects.toMatchObject({ status: 401 });
  });
});

it('refuses providers on private addresses unless allowed', async () => {
  const gateway = await startGateway({ env: { TRIAD_ALLOW_PRIVATE_URLS: '0' } });
  try {
    for (const baseUrl of ['https://127.0.0.1/v1', 'https://169.254.169.254/v1', 'http://example.com/v1', 'https://[::ffff:10.0.0.1]/v1', 'file:///etc/passwd']) {
      await expect(gateway.graphql(PROVIDER, { input: { name: 'p', baseUrl } })).rejects.toMatchObject({ code: 'bad_input' });
    }
  } finally {
    await gateway.stop();
  }
});

describe('registered models on a vLLM that loads nothing while running', () => {
  let vllm: OpenAiFake;
  let gateway: Gateway;
  let openai: OpenAI;
  const served: { id: string; root?: string }[] = [];
  beforeAll(async () => {
    vllm = await startOpenAiFake({ served });
    gateway = await startGateway({ env: { TRIAD_RUNTIME_URL: vllm.url.replace('/v1', '') } });
    openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key, maxRetries: 0 });
  });
  afterAll(async () => {
    await gateway.stop();
    await vllm.stop();
  });

  it('says how to start vLLM, then uses what it serves: by version id, by name, by directory', async () => {
    const { id } = await registerStubModel(gateway, 'stub');
    const ask = () => openai.chat.completions.create({ model: 'models:/stub', messages: hello });
    await expect(ask()).rejects.toMatchObject({ status: 503, message: expect.stringContaining(`--served-model-name ${id}`) });
    served.push({ id: 'stub' });
    expect((await ask()).model).toBe('stub');
    served.splice(0, 1, { id });
    expect((await ask()).model).toBe(id);
  });

  it('puts an adapter on its base, once for callers at the same time, and again when the runtime has lost it', async () => {
    const base = await gateway.app.get(ModelService).resolve(await contextOf(gateway), 'models:/stub');
    const { id } = await registerStubAdapter(gateway, 'tuned', base);
    const ask = () => openai.chat.completions.create({ model: 'models:/tuned', messages: hello });
    const loads = () => vllm.seen.filter(({ path }) => path === '/v1/load_lora_adapter').map(({ body }) => body);
    for (const answer of await Promise.all([ask(), ask(), ask()])) expect(answer.model).toBe(id);
    expect(loads()).toEqual([{ lora_name: id, lora_path: expect.stringContaining('artefacts'), base_model_name: base.id }]);
    served.splice(served.findIndex((each) => each.id === id), 1);
    for (const answer of await Promise.all([ask(), ask(), ask()])) expect(answer.model).toBe(id);
    expect(loads()).toHaveLength(2);
  });

  it('does not chat with a reward model', async () => {
    await registerStubReward(gateway, 'judge');
    await expect(openai.chat.completions.create({ model: 'models:/judge', messages: hello })).rejects.toMatchObject({ status: 400, param: 'model', message: expect.stringContaining('scoreAnswers') });
    await expect(gateway.graphql(DEPLOYMENT, { input: { name: 'd', target: 'models:/judge' } })).rejects.toMatchObject({ code: 'bad_input' });
  });

  it('lists versions and aliases, and retrieves one', async () => {
    const ids = (await openai.models.list()).data.map((model) => model.id);
    expect(ids).toEqual(['models:/tuned/1', 'models:/tuned@latest', 'models:/stub/1', 'models:/stub@latest']);
    expect(await openai.models.retrieve('models:/stub@latest')).toMatchObject({ id: 'models:/stub@latest', object: 'model', owned_by: 'triad' });
    await expect(openai.models.retrieve('models:/stub@none')).rejects.toMatchObject({ status: 404 });
  });
});
