import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { PNG, startWebuiFake, type WebuiFake } from '../helpers/webui-fake.js';

describe('a Stable Diffusion server behind the images route, through the official client', () => {
  let webui: WebuiFake;
  let gateway: Gateway;
  let openai: OpenAI;
  const draw = (more: object, model = 'painter') => openai.images.generate({ model, prompt: 'A lamp', ...more }) as Promise<OpenAI.ImagesResponse>;
  beforeAll(async () => {
    webui = await startWebuiFake();
    gateway = await startGateway();
    openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key, maxRetries: 0 });
    await gateway.graphql('mutation ($input: CreateProviderInput!) { createProvider(input: $input) { id } }',
      { input: { name: 'webui', kind: 'stable_diffusion_webui', baseUrl: webui.url, apiKey: 'me:pw', prices: [{ model: 'sdxl', input: 0, image: 0.5 }] } });
    await gateway.graphql('mutation { createDeployment(input: { name: "painter", target: "webui/sdxl" }) { id } }');
  });
  afterAll(async () => {
    await gateway.stop();
    await webui.stop();
  });

  it('makes images, with the parameters of the server', async () => {
    const { data, created } = await draw({ n: 2, size: '512x768', response_format: 'b64_json', seed: 7, steps: 20, negative_prompt: 'blur' });
    expect(data).toEqual([{ b64_json: PNG, seed: 7 }, { b64_json: PNG, seed: 8 }]);
    expect(created).toBeGreaterThan(1_700_000_000);
    expect(webui.seen.at(-1)).toMatchObject({
      path: '/sdapi/v1/txt2img', authorization: `Basic ${btoa('me:pw')}`,
      body: { prompt: 'A lamp', negative_prompt: 'blur', seed: 7, steps: 20, width: 512, height: 768, batch_size: 2, override_settings: { sd_model_checkpoint: 'sdxl' } },
    });
    expect(webui.seen.at(-1)!.body.model).toBeUndefined();
  });

  it('costs what the images cost', async () => {
    const cost = async () => Number((await (await fetch(`${gateway.url}/metrics`)).text()).split('\n').find((line) => line.startsWith('triad_gateway_cost_total') && line.includes('model="sdxl"'))?.split(' ').at(-1) ?? 0);
    const before = await cost();
    await draw({ n: 3 });
    await expect.poll(cost).toBeCloseTo(before + 1.5);
  });

  it('renders a registered prompt of kind image', async () => {
    await gateway.graphql('mutation ($input: CreatePromptVersionInput!) { createPromptVersion(input: $input) { version } }',
      { input: { name: 'lamp', type: 'image', messages: [{ role: 'user', content: 'A {{colour}} lamp' }], labels: ['production'], config: { negative_prompt: 'blur' } } });
    await draw({ prompt: { name: 'lamp', variables: { colour: 'red' } } });
    expect(webui.seen.at(-1)!.body).toMatchObject({ prompt: 'A red lamp', negative_prompt: 'blur' });
  });

  it.each([
    ['what it cannot make', { stream: true }, 'painter', 400, 'stream', 'unsupported_parameter'],
    ['a size that is none', { size: 'big' }, 'painter', 400, 'size', 'invalid_value'],
    ['a wrong type', { n: 'two' }, 'painter', 400, 'n', 'invalid_type'],
    ['what the server refuses', { steps: 'many' }, 'painter', 422, 'steps', null],
    ['a server without memory', {}, 'webui/out-of-memory', 500, null, 'out_of_memory'],
  ])('answers %s in OpenAI\'s shape', async (_, more, model, status, param, code) => {
    await expect(openai.images.generate({ model, prompt: 'A lamp', ...more } as never)).rejects.toMatchObject({ status, param, code });
  });

  it('says that the server makes images only', async () => {
    await expect(openai.chat.completions.create({ model: 'painter', messages: [{ role: 'user', content: 'x' }] })).rejects.toMatchObject({ status: 400, message: expect.stringContaining('/v1/images/generations') });
    const { providers } = await gateway.graphql('{ providers { nodes { id } } }');
    const { testProvider } = await gateway.graphql('mutation ($id: ID!) { testProvider(id: $id) { ok models } }', { id: providers.nodes[0].id });
    expect(testProvider).toEqual({ ok: true, models: ['sdxl'] });
  });
});
