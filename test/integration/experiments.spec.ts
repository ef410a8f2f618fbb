import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { AuthService } from '../../src/auth/auth.service.js';
import type { Subject } from '../../src/experiments/experiment.service.js';
import { setLogging } from '../helpers/calls.js';
import { CREATE, ExperimentBench, RESHARE, SHOW, START, STOP } from '../helpers/experiments.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';

describe('experiments', () => {
  let gateway: Gateway;
  let bench: ExperimentBench;
  let name: string;
  const design = (input?: object) => bench.design(input);
  const create = (input?: object) => bench.create(input);
  const started = (input?: object) => bench.started(input);
  const show = (id: string) => bench.show(id);
  const assign = (key: string | null, of?: Subject) => bench.assign(key, of);
  const eventsOf = (id: string) => bench.eventsOf(id);

  beforeAll(async () => {
    gateway = await startGateway();
    bench = await ExperimentBench.on(gateway);
  });
  afterAll(() => gateway.stop());
  beforeEach(async () => {
    await bench.renew();
    ({ name } = bench);
  });
  const productionOf = async () => (await gateway.graphql('query ($name: String!) { prompt(name: $name) { version } }', { name }))['prompt'].version as number;
  const keys = Array.from({ length: 300 }, (_, index) => `user-${index}`);
  const assignAll = () => Promise.all(keys.map((key) => assign(key)));

  describe('assignment', () => {
    it('gives a key its arm for ever, and none before the start or after the end', async () => {
      const id = await create();
      expect(await assign('ada')).toBeNull();
      await gateway.graphql(START, { id });
      const first = await assignAll();
      expect(new Set(first.map((each) => each?.arm))).toEqual(new Set(['now', 'new']));
      expect(first.find((each) => each?.arm === 'new')).toEqual({ experimentId: id, arm: 'new', promptVersion: 2, model: null });
      expect(await assignAll()).toEqual(first);
      expect(await assign('ada', { kind: 'prompt', name, label: 'staging' })).toBeNull();
      await gateway.graphql(STOP, { id });
      expect(await assign('ada')).toBeNull();
    });

    it('answers at once once it is known what runs', async () => {
      await started();
      // The notice of the start comes by way of Postgres, too, and has it read anew.
      await vi.waitFor(async () => {
        await assign('ada');
        expect(bench.service.assign(bench.ctx, bench.subject, 'ada')).not.toBeInstanceOf(Promise);
        expect(bench.service.assign(bench.ctx, { kind: 'deployment', name: 'nothing' }, 'ada')).toBeNull();
      });
    });

    it('takes only its share of the traffic, and draws calls without a key', async () => {
      await started({ allocation: 0.2 });
      const taken = (await assignAll()).filter(Boolean).length;
      expect(taken).toBeGreaterThan(30);
      expect(taken).toBeLessThan(100);
      const drawn = await Promise.all(Array.from({ length: 300 }, () => assign(null)));
      expect(new Set(drawn.map((each) => each?.arm))).toEqual(new Set(['now', 'new', undefined]));
    });

    it('moves keys only to the arm that grew', async () => {
      const id = await started();
      const before = await assignAll();
      expect((await gateway.graphql(RESHARE, { id, input: { weights: [{ arm: 'new', weight: 3 }] } }))['reshareExperiment'].arms).toEqual([{ name: 'now', weight: 1 }, { name: 'new', weight: 3 }]);
      const after = await assignAll();
      const moved = after.filter((each, index) => each!.arm !== before[index]!.arm);
      expect(moved.length).toBeGreaterThan(30);
      expect(new Set(moved.map((each) => each!.arm))).toEqual(new Set(['new']));
      await gateway.graphql(RESHARE, { id, input: { allocation: 0.5 } });
      const half = await assignAll();
      expect(half.every((each, index) => each === null || each.arm === after[index]!.arm)).toBe(true);
    });

    it('of a deployment gives the model to call, to its own project only', async () => {
      await gateway.graphql('mutation { createDeployment(input: { name: "chat", target: "openai/small" }) { id } }');
      const id = await started({ subject: 'chat', control: 'small', arms: [{ name: 'small', target: 'openai/small' }, { name: 'large', target: 'openai/large', weight: 9 }] });
      const deployment: Subject = { kind: 'deployment', name: 'chat' };
      const arms = await Promise.all(keys.map((key) => assign(key, deployment)));
      expect(arms.find((each) => each?.arm === 'large')).toEqual({ experimentId: id, arm: 'large', promptVersion: null, model: 'openai/large' });
      const other = await gateway.app.get(AuthService).authenticate(`Bearer ${gateway.otherKey}`, 'test');
      expect(await bench.service.assign(other, deployment, 'ada')).toBeNull();
      expect((await gateway.graphql(STOP, { id, promote: 'large' }))['stopExperiment']).toEqual({ status: 'stopped', promotedArm: 'large' });
      expect((await gateway.graphql('{ deployments(filter: { namePrefix: "chat" }) { nodes { target } } }'))['deployments'].nodes).toEqual([{ target: 'openai/large' }]);
    });
  });

  describe('life', () => {
    it('stops and promotes in one action, and tells of it', async () => {
      const id = await started();
      expect((await gateway.graphql(STOP, { id, promote: 'new' }))['stopExperiment']).toEqual({ status: 'stopped', promotedArm: 'new' });
      expect(await productionOf()).toBe(2);
      expect(await eventsOf(id)).toEqual([
        { type: 'experiment.started', data: { id, subject: `prompts:/${name}@production`, arms: ['now', 'new'] } },
        { type: 'experiment.stopped', data: { id, subject: `prompts:/${name}@production`, promotedArm: 'new' } },
      ]);
      await expect(gateway.graphql(STOP, { id })).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('new was promoted') });
      await expect(gateway.graphql(START, { id })).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('stopped') });
    });

    it('does not start where no calls are logged, by which it is measured', async () => {
      const id = await create();
      await setLogging(gateway, 'off');
      await expect(gateway.graphql(START, { id })).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('setCallLogging') });
      await setLogging(gateway, 'metadata');
      expect((await gateway.graphql(START, { id }))['startExperiment']).toMatchObject({ status: 'running', baseline: '1' });
    });

    it('points a deployment of several targets at the arm, unless its targets were changed meanwhile', async () => {
      await gateway.graphql('mutation ($input: CreateDeploymentInput!) { createDeployment(input: $input) { id } }', { input: { name: 'split', routing: { arms: [{ target: 'openai/a', weight: 9 }, { target: 'openai/b', weight: 1 }] } } });
      const input = { subject: 'split', control: 'a', arms: [{ name: 'a', target: 'openai/a' }, { name: 'c', target: 'openai/c' }] };
      await expect(create({ ...input, control: null })).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('several targets') });
      const id = await started(input);
      const weigh = (a: number, b: number) => gateway.graphql('mutation ($arms: [RoutingArmInput!]!) { setDeploymentWeights(name: "split", weights: $arms) { id } }', { arms: [{ target: 'openai/a', weight: a }, { target: 'openai/b', weight: b }] });
      await weigh(5, 5);
      await expect(gateway.graphql(STOP, { id, promote: 'c' })).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('names openai/a (5), openai/b (5) now, not openai/a (9), openai/b (1)') });
      await weigh(9, 1);
      await gateway.graphql(STOP, { id, promote: 'c' });
      expect((await gateway.graphql('{ deployments(filter: { namePrefix: "split" }) { nodes { target routing { arms { target weight } } } } }'))['deployments'].nodes).toEqual([{ target: 'openai/c', routing: { arms: [{ target: 'openai/c', weight: 1 }] } }]);
    });

    it('does neither when somebody moved the label meanwhile', async () => {
      const id = await started();
      await gateway.graphql('mutation ($name: String!) { setPromptLabels(name: $name, version: 3, labels: ["production"]) { version } }', { name });
      await expect(gateway.graphql(STOP, { id, promote: 'new' })).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('names 3 now, not 1') });
      expect((await show(id)).status).toBe('running');
      expect(await productionOf()).toBe(3);
      expect((await gateway.graphql(STOP, { id }))['stopExperiment']).toEqual({ status: 'stopped', promotedArm: null });
    });

    it('lets one of two starts of a subject through, and one of two stops', async () => {
      const [one, two] = [await create(), await create()];
      const outcomes = await Promise.allSettled([one, two].map((id) => gateway.graphql(START, { id })));
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'conflict', message: expect.stringContaining('has a running experiment already') } });
      const running = outcomes[0]!.status === 'fulfilled' ? one : two;
      const stops = await Promise.allSettled(['now', 'new'].map((promote) => gateway.graphql(STOP, { id: running, promote })));
      expect(stops.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(await productionOf()).toBe(stops[0]!.status === 'fulfilled' ? 1 : 2);
    });

    it.each([
      ['control', { control: 'none' }], ['arms', { arms: [{ name: 'now', target: 'V1' }, { name: 'now', target: 'V2' }] }],
      ['arms', { arms: [{ name: 'now', target: 'V1' }, { name: 'new', target: 'V1' }] }], ['weights', { arms: [{ name: 'now', target: 'V1', weight: 0 }, { name: 'new', target: 'V2' }] }],
      ['guards', { guards: [{ metric: 'error_rate' }] }], ['guards', { guards: [{ metric: 'latency_p95', maxWorse: 3 }] }],
      ['guards', { guards: [{ metric: 'cost', limit: 1 }, { metric: 'cost', limit: 2 }] }], ['subject', { subject: 'LATEST' }], ['subject', { subject: 'V1' }],
    ])('refuses a design whose %s cannot be: %j', async (param, input) => {
      const text = JSON.stringify(input).replaceAll(/V(\d)/g, `prompts:/${name}/$1`).replaceAll('LATEST', `prompts:/${name}@latest`);
      await expect(gateway.graphql(CREATE, { input: design(JSON.parse(text) as object) })).rejects.toMatchObject({ code: 'bad_input', errors: [{ extensions: { param } }] });
    });

    it('takes what the subject names now for the control when none is named', async () => {
      const { createExperiment: { control, arms } } = await gateway.graphql(CREATE, { input: design({ control: null, arms: [{ name: 'new', target: `prompts:/${name}/3`, weight: 2 }] }) });
      expect({ control, arms }).toEqual({ control: 'control', arms: [{ name: 'control', weight: 1, promptVersion: 1, model: null }, { name: 'new', weight: 2, promptVersion: 3, model: null }] });
      await expect(gateway.graphql(CREATE, { input: design({ control: null, arms: [{ name: 'new', target: `prompts:/${name}/1` }] }) })).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('are the same') });
    });

    it('lists experiments, also those of a version', async () => {
      const id = await create({ name: 'Listed' });
      const { experiments } = await gateway.graphql('query ($name: String!) { experiments(filter: { subjectName: $name, status: [draft] }) { nodes { id name } } }', { name });
      expect(experiments.nodes).toEqual([{ id, name: 'Listed' }]);
      const { prompt } = await gateway.graphql('query ($name: String!) { prompt(name: $name, version: 2) { experiments(first: 5) { nodes { id arms { name version { version } } } } } }', { name });
      expect(prompt.experiments.nodes).toEqual([{ id, arms: [{ name: 'now', version: { version: 1 } }, { name: 'new', version: { version: 2 } }] }]);
      await expect(gateway.graphql(SHOW, { id }, gateway.otherKey)).rejects.toMatchObject({ code: 'not_found' });
    });
  });
});
