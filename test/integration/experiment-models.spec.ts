import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Subject } from '../../src/experiments/experiment.service.js';
import { ExperimentBench, CREATE, START, STOP } from '../helpers/experiments.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { registerStubReward, writeStub } from '../helpers/stub-model.js';

describe('experiments on a model\'s alias', () => {
  let gateway: Gateway;
  let bench: ExperimentBench;
  let model: string;
  let made = 0;
  const alias = (version: number) => gateway.graphql('mutation ($model: String!, $version: Int!) { setModelAlias(model: $model, alias: "champion", version: $version) { id } }', { model, version });
  const championOf = async () => (await gateway.graphql('query ($ref: String!) { modelVersion(ref: $ref) { version } }', { ref: `models:/${model}@champion` }))['modelVersion'].version as number;
  const design = (input: object = {}) => bench.design({ subject: `models:/${model}@champion`, control: null, arms: [{ name: 'new', target: `models:/${model}/2` }, { name: 'other', target: 'openai/small' }], ...input });
  const create = async (input: object = {}) => (await gateway.graphql(CREATE, { input: design(input) }))['createExperiment'];
  const started = async (input: object = {}): Promise<string> => {
    const { id } = await create(input);
    await gateway.graphql(START, { id });
    return id;
  };
  const stop = async (id: string, promote: string | null) => (await gateway.graphql(STOP, { id, promote }))['stopExperiment'];
  const arms = () => Promise.all(Array.from({ length: 60 }, (_, index) => bench.assign(`user-${index}`, { kind: 'deployment', name: `models:/${model}@champion` } satisfies Subject)));

  beforeAll(async () => {
    gateway = await startGateway();
    bench = await ExperimentBench.on(gateway);
  });
  afterAll(() => gateway.stop());
  beforeEach(async () => {
    model = `team/support-${made += 1}`;
    for (const version of [1, 2, 3]) {
      const source = `support-${made}-${version}`;
      writeStub(gateway.home, source);
      await gateway.graphql('mutation ($input: RegisterBaseModelInput!) { registerBaseModel(input: $input) { id } }', { input: { name: model, source, licence: 'apache-2.0' } });
    }
    await alias(1);
  });

  it('gives calls of the alias a version, or what else can answer; the control is what it names', async () => {
    const { id, control, arms: drafted } = await create();
    expect({ control, drafted }).toEqual({ control: 'control', drafted: [
      { name: 'control', weight: 1, promptVersion: null, model: `models:/${model}/1` }, { name: 'new', weight: 1, promptVersion: null, model: `models:/${model}/2` }, { name: 'other', weight: 1, promptVersion: null, model: 'openai/small' }] });
    expect((await arms()).filter(Boolean)).toEqual([]);
    expect((await gateway.graphql(START, { id }))['startExperiment']).toMatchObject({ status: 'running', baseline: `models:/${model}/1` });
    const assigned = await arms();
    expect(assigned.find((each) => each?.arm === 'new')).toEqual({ experimentId: id, arm: 'new', promptVersion: null, model: `models:/${model}/2` });
    expect(new Set(assigned.map((each) => each?.model))).toEqual(new Set([`models:/${model}/1`, `models:/${model}/2`, 'openai/small']));
    expect(await arms()).toEqual(assigned);
    expect(await bench.assign('ada', { kind: 'deployment', name: `models:/${model}/1` })).toBeNull();
    const { experiments } = await gateway.graphql('query ($name: String!) { experiments(filter: { subject: model, subjectName: $name }) { nodes { id subject subjectName label } } }', { name: model });
    expect(experiments.nodes).toEqual([{ id, subject: 'model', subjectName: model, label: 'champion' }]);
  });

  it('moves the alias to the arm that is promoted, and tells of both', async () => {
    const id = await started();
    expect(await stop(id, 'new')).toEqual({ status: 'stopped', promotedArm: 'new' });
    expect(await championOf()).toBe(2);
    expect((await arms()).filter(Boolean)).toEqual([]);
    expect(await bench.eventsOf(id)).toEqual([
      { type: 'experiment.started', data: { id, subject: `models:/${model}@champion`, arms: ['control', 'new', 'other'] } },
      { type: 'experiment.stopped', data: { id, subject: `models:/${model}@champion`, promotedArm: 'new' } },
    ]);
  });

  it('promotes nothing that the alias cannot name, and nothing over another\'s move', async () => {
    const id = await started();
    await expect(stop(id, 'other')).rejects.toMatchObject({ code: 'bad_input', errors: [{ extensions: { param: 'promote' } }], message: expect.stringContaining(`versions of ${model} only`) });
    await alias(3);
    await expect(stop(id, 'new')).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining(`names models:/${model}/3 now, not models:/${model}/1`) });
    expect((await bench.show(id)).status).toBe('running');
    expect(await stop(id, null)).toEqual({ status: 'stopped', promotedArm: null });
    expect(await championOf()).toBe(3);
  });

  it('of two that promote at once one moves the alias', async () => {
    const id = await started();
    const stops = await Promise.allSettled(['control', 'new'].map((arm) => stop(id, arm)));
    expect(stops.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await championOf()).toBe(stops[0]!.status === 'fulfilled' ? 1 : 2);
  });

  it('keeps an arm the version that its alias named', async () => {
    await gateway.graphql('mutation ($model: String!) { setModelAlias(model: $model, alias: "challenger", version: 3) { id } }', { model });
    const { arms: drafted } = await create({ arms: [{ name: 'new', target: `models:/${model}@challenger` }] });
    expect(drafted[1].model).toBe(`models:/${model}/3`);
    await expect(create({ arms: [{ name: 'new', target: `models:/${model}@champion` }] })).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('are the same') });
  });

  it('takes no reward model, no version and no alias that moves by itself', async () => {
    const reward = `judge-${made}`;
    await registerStubReward(gateway, reward);
    const refused = (input: object) => expect(create(input)).rejects;
    await refused({ arms: [{ name: 'new', target: `models:/${reward}/1` }] }).toMatchObject({ code: 'bad_input', message: expect.stringContaining('reward model') });
    await refused({ subject: `models:/${model}/1` }).toMatchObject({ code: 'bad_input', errors: [{ extensions: { param: 'subject' } }] });
    await refused({ subject: `models:/${model}` }).toMatchObject({ code: 'bad_input', message: expect.stringContaining('moves by itself') });
    await refused({ subject: `models:/${model}@none` }).toMatchObject({ code: 'not_found' });
    await refused({ arms: [{ name: 'new', target: 'nowhere/small' }] }).toMatchObject({ code: 'model_not_found' });
  });
});
