import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { type Runtime, startRuntime } from '../helpers/runtime.js';
import { makeTinyModel } from '../helpers/tiny-model.js';

const messages = [{ role: 'user' as const, content: 'Say something.' }];

describe('chat with a registered model on the embedded runtime, through the official client', () => {
  let runtime: Runtime;
  let gateway: Gateway;
  let openai: OpenAI;
  const ask = (more: object, model = 'assistant') => openai.chat.completions.create({ model, messages, ...more });
  const stream = (more: object) => openai.chat.completions.create({ model: 'assistant', messages, stream: true, ...more });
  beforeAll(async () => {
    runtime = await startRuntime();
    gateway = await startGateway({ env: { TRIAD_RUNTIME_URL: runtime.url } });
    openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key, maxRetries: 0 });
    makeTinyModel(gateway.home);
    await gateway.graphql('mutation { registerBaseModel(input: { name: "tiny", source: "tiny", licence: "apache-2.0" }) { id } }');
    await gateway.graphql('mutation { setModelAlias(model: "tiny", alias: "champion", version: 1) { id } }');
    await gateway.graphql('mutation { createDeployment(input: { name: "assistant", target: "models:/tiny@champion" }) { id } }');
    await gateway.graphql('mutation { createPromptVersion(input: { name: "greet", messages: [{ role: user, content: "Greet {{name}}." }], labels: ["production"] }) { id } }');
  });
  afterAll(async () => {
    await gateway.stop();
    await runtime.kill();
  });

  it('gives the same greedy answer by alias, version and deployment', async () => {
    const answers = await Promise.all(['models:/tiny@champion', 'models:/tiny/1', 'models:/tiny', 'assistant'].map((model) => ask({ temperature: 0, max_tokens: 12 }, model)));
    expect(new Set(answers.map((answer) => answer.choices[0]!.message.content)).size).toBe(1);
    expect(answers[0]).toMatchObject({ object: 'chat.completion', choices: [{ index: 0, finish_reason: 'length' }], usage: { completion_tokens: 12 } });
    expect(answers[0]!.id).toMatch(/^chatcmpl-/);
  });

  it('streams what it answers in one piece, and counts the tokens', async () => {
    const sampling = { temperature: 0.8, seed: 3, max_tokens: 40 };
    const whole = await ask(sampling);
    let text = '';
    let usage;
    let pieces = 0;
    for await (const chunk of await stream({ ...sampling, stream_options: { include_usage: true } })) {
      text += chunk.choices[0]?.delta.content ?? '';
      pieces += 1;
      usage ??= chunk.usage;
    }
    expect(text).toBe(whole.choices[0]!.message.content);
    expect(usage).toMatchObject({ prompt_tokens: whole.usage!.prompt_tokens, completion_tokens: whole.usage!.completion_tokens });
    expect(pieces).toBeGreaterThan(5);
  });

  it('offers n answers, stops where asked, and renders a registered prompt', async () => {
    const several = await ask({ n: 3, temperature: 1, seed: 1, max_tokens: 6 });
    expect(several.choices.map((choice) => choice.index)).toEqual([0, 1, 2]);
    const [letter] = [...several.choices[0]!.message.content!];
    const stopped = await ask({ n: 3, temperature: 1, seed: 1, max_tokens: 6, stop: [letter] });
    expect(stopped.choices[0]).toMatchObject({ message: { content: '' }, finish_reason: 'stop' });
    const byPrompt = await ask({ temperature: 0, max_tokens: 8, messages: [], prompt: { ref: 'prompts:/greet', variables: { name: 'Ada' } } });
    const byHand = await ask({ temperature: 0, max_completion_tokens: 8, messages: [{ role: 'user', content: 'Greet Ada.' }] });
    expect(byPrompt.choices[0]!.message.content).toBe(byHand.choices[0]!.message.content);
  });

  it('answers what the runtime refuses in OpenAI\'s shape', async () => {
    await expect(ask({ max_tokens: 5000 })).rejects.toMatchObject({ status: 400, code: 'context_length_exceeded', param: 'messages' });
    await expect(ask({ temperature: -1 })).rejects.toMatchObject({ status: 400, param: 'temperature' });
    await expect(ask({ tools: [{ type: 'function', function: { name: 'f' } }] })).rejects.toMatchObject({ status: 400, code: 'unsupported_parameter', param: 'tools' });
  });

  it('loads the model again into a runtime that was killed and started anew', async () => {
    const port = Number(new URL(runtime.url).port);
    await runtime.kill();
    await expect(ask({ max_tokens: 4 })).rejects.toMatchObject({ status: 503, code: 'unavailable', message: expect.stringContaining('npm start') });
    runtime = await startRuntime(port);
    expect((await ask({ max_tokens: 4 })).usage!.completion_tokens).toBe(4);
  });

  it('tells the client when the runtime dies in the middle of a stream', async () => {
    const port = Number(new URL(runtime.url).port);
    const read = async () => {
      let pieces = 0;
      for await (const _ of await stream({ temperature: 1, seed: 2, max_tokens: 400 })) if ((pieces += 1) === 2) await runtime.kill();
    };
    await expect(read()).rejects.toMatchObject({ code: 'upstream_failed', message: expect.stringContaining('broke off') });
    runtime = await startRuntime(port);
  });
});
