import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestFault } from '../helpers/openai-fake/check.js';
import type { PublishedSchema } from '../helpers/openai-fake/published-schema.js';
import { type OpenAiFake, startOpenAiFake } from '../helpers/openai-fake.js';

const ajv = new Ajv2020({ strict: false });
const { $defs } = JSON.parse(readFileSync('test/helpers/openai-fake/openai.schema.json', 'utf8')) as PublishedSchema;
const errorsOf = (name: string, value: unknown) => {
  const validate = ajv.getSchema(name) ?? ajv.compile({ $id: name, $ref: `#/$defs/${name}`, $defs });
  return validate(value) ? null : validate.errors;
};
const messages = [{ role: 'user', content: 'open it' }];
const tools = [{ type: 'function', function: { name: 'open', parameters: { type: 'object', properties: { n: { type: 'integer' } } } } }];
const schema = { type: 'object', properties: { a: { $ref: '#/$defs/b' }, c: { anyOf: [{ type: 'null' }, { type: 'string' }] } }, required: ['a', 'c'], additionalProperties: false, $defs: { b: { type: 'array', items: { enum: ['x', 'y'] } } } };
const ANSWERS: [answer: string, path: string, body: object][] = [
  ['ChatCompletion', '/chat/completions', { model: 'gpt-x', messages, n: 3, logprobs: true, top_logprobs: 2, stop: 'n' }],
  ['ChatCompletion', '/chat/completions', { model: 'gpt-x', messages, tools }],
  ['ChatCompletion', '/chat/completions', { model: 'refuses', messages }],
  ['ChatCompletionChunk', '/chat/completions', { model: 'gpt-x', messages, tools, stream: true, stream_options: { include_usage: true } }],
  ['ChatCompletionChunk', '/chat/completions', { model: 'gpt-x', messages, n: 2, logprobs: true, stream: true }],
  ['Completion', '/completions', { model: 'gpt-3.5-turbo-instruct', prompt: ['a', 'b'], n: 2, echo: true, logprobs: 2 }],
  ['CreateEmbeddingResponse', '/embeddings', { model: 'text-embedding-3-small', input: [[1, 2], [3]], dimensions: 4 }],
  ['ImagesResponse', '/images/generations', { model: 'dall-e-3', prompt: 'p' }],
  ['ImagesResponse', '/images/generations', { model: 'gpt-image-1', prompt: 'p', n: 2 }],
  ['ImageGenStreamEvent', '/images/generations', { model: 'gpt-image-1', prompt: 'p', stream: true, partial_images: 3 }],
];

describe('the fake of OpenAI', () => {
  let fake: OpenAiFake;
  const post = (path: string, body: object) => fetch(`${fake.url}${path}`, { method: 'POST', body: JSON.stringify(body), headers: { authorization: 'Bearer sk-right' } });
  beforeAll(async () => { fake = await startOpenAiFake({ strict: { key: 'sk-right' } }); });
  afterAll(() => fake.stop());

  it.each(ANSWERS)('answers with a %s that is as published: %s %j', async (name, path, body) => {
    const response = await post(path, body);
    const text = await response.text();
    expect([response.status, response.headers.get('x-request-id')]).toEqual([200, expect.stringMatching(/^req_[0-9a-f]{32}$/)]);
    const values = text.startsWith('{') ? [text] : [...text.matchAll(/^data: (\{.*)$/gm)].map(([, data]) => data!);
    expect(values).not.toHaveLength(0);
    for (const value of values) expect(errorsOf(name, JSON.parse(value))).toBeNull();
  });

  it('answers the same request with the same bytes', async () => {
    for (const [, path, body] of ANSWERS) expect(await (await post(path, body)).text()).toBe(await (await post(path, body)).text());
  });

  it('answers structured output with what its schema allows', async () => {
    const { choices } = await (await post('/chat/completions', { model: 'gpt-x', messages, response_format: { type: 'json_schema', json_schema: { name: 'a', strict: true, schema } } })).json() as { choices: { message: { content: string } }[] };
    expect(ajv.validate(schema, JSON.parse(choices[0]!.message.content))).toBe(true);
  });

  it.each([
    ['ChatCompletionCreateParamsBase', { model: 'gpt-x', messages, temperature: 1 }],
    ['EmbeddingCreateParams', { model: 'm', input: ['a'], dimensions: 3, encoding_format: 'base64' }],
    ['CompletionCreateParamsBase', { model: 'm', prompt: [[1]], logit_bias: { 5: 1 } }],
    ['ImageGenerateParamsBase', { prompt: 'p', n: 1, quality: 'hd' }],
  ])('judges a %s as a validator of JSON Schema does, with any of its fields replaced', (name, body) => {
    const replacements = [null, true, 'text', 5, [], [null], ['a'], [1], {}, { type: 'text' }, [{ role: 'user' }], [{ role: 'user', content: [{ type: 'text', text: 'a' }] }]];
    for (const field of [...Object.keys(body), 'unknown']) {
      for (const value of replacements) {
        const changed = { ...body, [field]: value };
        const found = requestFault(name, changed);
        // Limits of values are beyond the types.
        if (found?.error.code && /above|below|empty/.test(found.error.code)) continue;
        expect([field, value, found?.error.message ?? null]).toEqual([field, value, errorsOf(name, changed) ? expect.any(String) : null]);
      }
    }
  });
});
