import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { type Runtime, startRuntime } from '../helpers/runtime.js';
import { makeTinyModel } from '../helpers/tiny-model.js';

describe('completions and embeddings of a registered model on the embedded runtime, through the official client', () => {
  let runtime: Runtime;
  let gateway: Gateway;
  let openai: OpenAI;
  const model = 'models:/tiny';
  beforeAll(async () => {
    runtime = await startRuntime();
    gateway = await startGateway({ env: { TRIAD_RUNTIME_URL: runtime.url } });
    openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key, maxRetries: 0 });
    makeTinyModel(gateway.home);
    await gateway.graphql('mutation { registerBaseModel(input: { name: "tiny", source: "tiny", licence: "apache-2.0" }) { id } }');
  });
  afterAll(async () => {
    await gateway.stop();
    await runtime.kill();
  });

  it('completes one text and several, streamed too', async () => {
    const one = await openai.completions.create({ model, prompt: 'abc', temperature: 0, max_tokens: 8 });
    expect(one).toMatchObject({ object: 'text_completion', usage: { completion_tokens: 8 } });
    const both = await openai.completions.create({ model, prompt: ['abc', 'xyz'], temperature: 0, max_tokens: 8 });
    expect(both.choices.map(({ index }) => index)).toEqual([0, 1]);
    expect(both.choices[0]!.text).toBe(one.choices[0]!.text);
    let text = '';
    for await (const chunk of await openai.completions.create({ model, prompt: 'abc', temperature: 0, max_tokens: 8, stream: true })) text += chunk.choices[0]?.text ?? '';
    expect(text).toBe(one.choices[0]!.text);
  });

  it('embeds texts, as the client asks for them', async () => {
    const { data, usage } = await openai.embeddings.create({ model, input: ['The lamp', 'The lamp', 'Something else'] });
    const dot = (a: number[], b: number[]) => a.reduce((sum, value, index) => sum + value * b[index]!, 0);
    expect(data).toHaveLength(3);
    expect(dot(data[0]!.embedding, data[1]!.embedding)).toBeCloseTo(1, 4);
    expect(dot(data[0]!.embedding, data[2]!.embedding)).toBeLessThan(0.9999);
    expect(usage.prompt_tokens).toBeGreaterThan(3);
    const asNumbers = await openai.embeddings.create({ model, input: 'The lamp', encoding_format: 'float' });
    expect(dot(asNumbers.data[0]!.embedding, data[0]!.embedding)).toBeCloseTo(1, 4);
  });

  it('refuses what it cannot do, by name', async () => {
    await expect(openai.embeddings.create({ model, input: 'x', dimensions: 4 })).rejects.toMatchObject({ status: 400, param: 'dimensions', code: 'unsupported_parameter' });
    await expect(openai.embeddings.create({ model, input: '' })).rejects.toMatchObject({ status: 400, param: 'input' });
    await expect(openai.images.generate({ model, prompt: 'A lamp' })).rejects.toMatchObject({ status: expect.any(Number) });
  });
});
