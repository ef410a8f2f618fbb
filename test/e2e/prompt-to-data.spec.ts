import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CallLog } from '../../src/calls/call-log.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { type OpenAiFake, startOpenAiFake } from '../helpers/openai-fake.js';
import { registerStubModel } from '../helpers/stub-model.js';

/** The first leg's whole way, as an app and its team go it: a prompt, calls of it, an experiment, judgements, data. */
describe('from a prompt to data', () => {
  let gateway: Gateway;
  let fake: OpenAiFake;
  let openai: OpenAI;
  const ask = (user: string, variables: Record<string, unknown>, key?: string) => openai.chat.completions.create(
    { model: 'house', messages: [{ role: 'user', content: user }], prompt: { name: 'house/call', variables } } as never, key ? { headers: { 'x-triad-sticky-key': key } } : {}).withResponse();
  const written = () => gateway.app.get(CallLog).flush();
  const calls = async (filter: object) => (await gateway.graphql(
    'query ($filter: CallFilter) { calls(filter: $filter, first: 200) { nodes { id status target arm cost promptTokens request answer latencyMs promptVersionId experimentId stickyKey streamed cached feedback(first: 5) { nodes { thumb } } } } }', { filter }))['calls'].nodes as any[];

  beforeAll(async () => {
    fake = await startOpenAiFake({ answer: (messages) => `done: ${messages.at(-1)!.content}` });
    gateway = await startGateway();
    openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key, maxRetries: 0 });
    await gateway.graphql('mutation { setCallLogging(mode: full) { mode } }');
    await gateway.graphql('mutation ($input: CreateProviderInput!) { createProvider(input: $input) { id } }', { input: { name: 'fake', baseUrl: fake.url, prices: [{ model: '*', input: 10, output: 20 }] } });
    await gateway.graphql('mutation ($input: CreateDeploymentInput!) { createDeployment(input: $input) { id } }', { input: { name: 'house', routing: { arms: [{ target: 'fake/gpt-x', weight: 1 }], cache: { ttlSeconds: 60 } } } });
    const add = (content: string, labels: string[]) => gateway.graphql('mutation ($input: CreatePromptVersionInput!) { createPromptVersion(input: $input) { id } }', { input: { name: 'house/call', messages: [{ role: 'system', content }], labels, config: { temperature: 0.3 } } });
    await add('You run {{ home }}.', ['production']);
    await add('You run {{ home }}. Be brief.{% for room in rooms %} {{ room.name }}{% endfor %}', ['next']);
  });
  afterAll(async () => {
    await gateway.stop();
    await fake.stop();
  });

  it('renders the prompt, takes its config, and logs the call with what it cost', async () => {
    const { data, response } = await ask('dim the den', { home: 'a villa' });
    expect(data.choices[0]!.message.content).toBe('done: dim the den');
    expect(fake.seen.at(-1)!.body).toMatchObject({ model: 'gpt-x', temperature: 0.3, messages: [{ role: 'system', content: 'You run a villa.' }, { role: 'user', content: 'dim the den' }] });
    await written();
    const [call] = await calls({});
    expect(call).toMatchObject({ id: response.headers.get('x-triad-call-id'), status: 200, target: 'fake/gpt-x', arm: null, promptVersionId: expect.stringMatching(/^prmv_/), cached: false, answer: { choices: [{ message: { content: 'done: dim the den' } }] } });
    expect(call.cost).toBeCloseTo((call.promptTokens * 10 + 17 * 20) / 1e6);
  });

  it('names the variable that is missing, and the call that failed', async () => {
    const refused = ask('x', {});
    await expect(refused).rejects.toMatchObject({ status: 400, code: 'undefined_variable', message: expect.stringContaining('home') });
    await written();
    expect(await calls({ errorCode: 'undefined_variable' })).toHaveLength(1);
  });

  it('answers the same again from the cache, also as a stream, at no cost', async () => {
    const { response } = await ask('dim the den', { home: 'a villa' });
    expect(response.headers.get('x-triad-cache')).toBe('hit');
    const stream = await openai.chat.completions.create({ model: 'house', stream: true, messages: [{ role: 'user', content: 'dim the den' }], prompt: { name: 'house/call', variables: { home: 'a villa' } } } as never) as unknown as AsyncIterable<OpenAI.ChatCompletionChunk>;
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    expect(text).toBe('done: dim the den');
    await written();
    const hits = (await calls({})).filter((call) => call.cached);
    expect(hits.map(({ cost }) => cost)).toEqual([0, 0]);
  });

  it('tries a version on traffic without a change of the app: sticky, recorded, and promoted in one action', async () => {
    const { createExperiment: { id } } = await gateway.graphql('mutation ($input: CreateExperimentInput!) { createExperiment(input: $input) { id } }', {
      input: { name: 'brief', subject: 'prompts:/house/call@production', primaryMetric: 'cost', arms: [{ name: 'brief', target: 'prompts:/house/call/2' }] },
    });
    await gateway.graphql('mutation ($id: ID!) { startExperiment(id: $id) { status } }', { id });
    const variables = { home: 'a flat', rooms: [{ name: 'den' }] };
    for (let user = 0; user < 24; user += 1) for (const turn of [1, 2]) await ask(`turn ${turn} of ${user}`, variables, `user-${user}`);
    await written();
    const taken = await calls({ experimentId: id });
    expect(taken).toHaveLength(48);
    expect(new Set(taken.map(({ arm }) => arm))).toEqual(new Set(['brief', 'control']));
    for (let user = 0; user < 24; user += 1) expect(new Set(taken.filter(({ stickyKey }) => stickyKey === `user-${user}`).map(({ arm }) => arm)).size).toBe(1);
    for (const { arm, request } of taken) expect(request.messages[0].content).toBe(arm === 'brief' ? 'You run a flat. Be brief. den' : 'You run a flat.');
    const { stopExperiment } = await gateway.graphql('mutation ($id: ID!) { stopExperiment(id: $id, promote: "brief") { status promotedArm } }', { id });
    expect(stopExperiment).toEqual({ status: 'stopped', promotedArm: 'brief' });
    await ask('after', variables, 'user-1');
    expect(fake.seen.at(-1)!.body.messages[0].content).toBe('You run a flat. Be brief. den');
  });

  it('tries a model on an alias\'s traffic', async () => {
    await registerStubModel(gateway, 'smart');
    await gateway.graphql('mutation { setModelAlias(model: "smart", alias: "champion", version: 1) { id } }');
    const { createExperiment: { id } } = await gateway.graphql('mutation ($input: CreateExperimentInput!) { createExperiment(input: $input) { id } }', {
      input: { name: 'hosted', subject: 'models:/smart@champion', primaryMetric: 'cost', arms: [{ name: 'hosted', target: 'fake/gpt-y', weight: 1000 }] },
    });
    await gateway.graphql('mutation ($id: ID!) { startExperiment(id: $id) { status } }', { id });
    const answer = await openai.chat.completions.create({ model: 'models:/smart@champion', messages: [{ role: 'user', content: 'hello' }] });
    expect(answer).toMatchObject({ model: 'gpt-y' });
    await written();
    expect(await calls({ experimentId: id })).toMatchObject([{ arm: 'hosted', target: 'fake/gpt-y' }]);
    await gateway.graphql('mutation ($id: ID!) { stopExperiment(id: $id) { status } }', { id });
  });

  it('makes data of judged and corrected answers, with the prompt folded in or stripped', async () => {
    const { response: good } = await ask('open the blind', { home: 'a hut', rooms: [] });
    const { response: bad } = await ask('close the door', { home: 'a hut', rooms: [] });
    await written();
    const judge = (body: object) => gateway.fetch('/v1/feedback', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    expect((await judge({ call_id: good.headers.get('x-triad-call-id'), thumb: true })).status).toBe(200);
    expect((await judge({ call_id: bad.headers.get('x-triad-call-id'), thumb: false, corrected_answer: 'the door is closed' })).status).toBe(200);
    const make = async (name: string, kind: string, prompt: string) => (await gateway.graphql(
      'mutation ($input: CreateDatasetFromCallsInput!) { createDatasetFromCalls(input: $input) { version { rows licence preview(first: 10) { nodes { row } } } } }',
      { input: { name, kind, prompt, licence: 'own' } }))['createDatasetFromCalls'].version;
    const folded = await make('folded', 'sft', 'folded');
    expect(folded.preview.nodes.map(({ row }: any) => [row.prompt.map(({ content }: any) => content), row.completion])).toEqual(expect.arrayContaining([
      [['You run a hut. Be brief.', 'open the blind'], 'done: open the blind'], [['You run a hut. Be brief.', 'close the door'], 'the door is closed'],
    ]));
    const stripped = await make('stripped', 'sft', 'stripped');
    expect(stripped.preview.nodes.map(({ row }: any) => row.prompt)).toEqual(expect.arrayContaining([[{ role: 'user', content: 'open the blind' }], [{ role: 'user', content: 'close the door' }]]));
    const pairs = await make('pairs', 'preference', 'stripped');
    expect(pairs.preview.nodes.map(({ row }: any) => [row.chosen, row.rejected])).toEqual([['the door is closed', 'done: close the door']]);
    expect(await calls({ hasFeedback: true })).toHaveLength(2);
  });
});
