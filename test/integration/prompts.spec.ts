import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../helpers/gateway.js';

const CREATE = `mutation ($input: CreatePromptVersionInput!) { createPromptVersion(input: $input) { name version variables labels } }`;
const FETCH = `query ($name: String!, $version: Int, $label: String) { prompt(name: $name, version: $version, label: $label) { version labels messages { role content } } }`;

describe('prompts', () => {
  let gateway: Gateway;
  beforeAll(async () => { gateway = await startGateway(); });
  afterAll(() => gateway.stop());

  const create = (name: string, content: string, labels: string[] = []) =>
    gateway.graphql(CREATE, { input: { name, messages: [{ role: 'user', content }], labels } });

  it('numbers versions, moves labels, keeps earlier versions as they were', async () => {
    expect(await create('house/call', 'Do: {{sentence}}', ['production'])).toEqual({
      createPromptVersion: { name: 'house/call', version: 1, variables: ['sentence'], labels: ['production', 'latest'] },
    });
    await create('house/call', 'Please do: {{sentence}}');
    const by = async (args: object) => (await gateway.graphql(FETCH, { name: 'house/call', ...args }))['prompt'];
    expect(await by({})).toMatchObject({ version: 1 });
    expect(await by({ label: 'latest' })).toMatchObject({ version: 2, labels: ['latest'] });
    await gateway.graphql('mutation { setPromptLabels(name: "house/call", version: 2, labels: ["production"]) { version } }');
    expect(await by({})).toMatchObject({ version: 2, labels: ['production', 'latest'] });
    await expect(by({ label: 'LOUD!' })).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('is not a label') });
    await expect(by({ label: 'staging' })).rejects.toMatchObject({ code: 'not_found', message: expect.stringContaining('setPromptLabels') });
    expect(await by({ version: 1 })).toMatchObject({ messages: [{ role: 'user', content: 'Do: {{sentence}}' }] });
  });

  it('gives parallel writers each a version of their own', async () => {
    const made = await Promise.all(Array.from({ length: 10 }, (_, index) => create('parallel', `v ${index}`)));
    expect(made.map((each) => each['createPromptVersion'].version).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('names the variable that is missing, and inserts values as they are', async () => {
    await create('greet', 'Hi {{name}} of {{city}}', ['production']);
    const render = (variables: object) =>
      gateway.graphql('query ($v: JSONObject!) { renderPrompt(ref: "prompts:/greet", variables: $v) { content } }', { v: variables });
    await expect(render({ name: 'Ada' })).rejects.toMatchObject({ code: 'undefined_variable', message: expect.stringContaining('{{city}}') });
    expect(await render({ name: '{{city}} <b>', city: 'Rome' })).toEqual({ renderPrompt: [{ content: 'Hi {{city}} <b> of Rome' }] });
  });

  it.each(['{% assign x = 1 %}', '{{#a}}x{{/a}}', '{{> other}}', '{{#a}}'])('refuses the template %s', async (template) => {
    await expect(create('bad', template)).rejects.toMatchObject({ code: 'bad_input' });
  });

  it('answers another tenant as if there were no such prompt', async () => {
    await create('secret', 'x', ['production']);
    await expect(gateway.graphql(FETCH, { name: 'secret' }, gateway.otherKey)).rejects.toMatchObject({ code: 'not_found' });
    await expect(gateway.graphql(FETCH, { name: 'secret' }, 'triad_wrong')).rejects.toMatchObject({ code: 'unauthenticated' });
  });
});
