import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { AuthService } from '../../src/auth/auth.service.js';
import type { RequestContext } from '../../src/common/request-context.js';
import { Database } from '../../src/database/database.js';
import { ExperimentLifecycle } from '../../src/experiments/experiment.lifecycle.js';
import { ExperimentProcessor } from '../../src/experiments/experiment.processor.js';
import { type Assignment, ExperimentService, type Subject } from '../../src/experiments/experiment.service.js';
import { logCalls, setLogging } from '../helpers/calls.js';
import { judge, logArm } from '../helpers/experiment-calls.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';

const CREATE = 'mutation ($input: CreateExperimentInput!) { createExperiment(input: $input) { id status control allocation arms { name weight promptVersion model } } }';
const START = 'mutation ($id: ID!) { startExperiment(id: $id) { status baseline startedAt } }';
const STOP = 'mutation ($id: ID!, $promote: String) { stopExperiment(id: $id, promote: $promote) { status promotedArm } }';
const RESHARE = 'mutation ($id: ID!, $input: ReshareExperimentInput!) { reshareExperiment(id: $id, input: $input) { allocation arms { name weight } } }';
const SHOW = `query ($id: ID!) { experiment(id: $id) { status halt { metric arm message } results {
  arms { arm calls units keys metrics { metric n mean interval { low high } } }
  comparisons { metric arm outcome words difference { value low high } } guards { metric arm observed atLeast violated words } sampleRatio { pValue mismatch } words } } }`;

describe('experiments and the worker', () => {
  it('looks at guards by itself, and halts', async () => {
    const gateway = await startGateway({ worker: true });
    try {
      for (const labels of [['production'], []]) {
        await gateway.graphql('mutation ($input: CreatePromptVersionInput!) { createPromptVersion(input: $input) { id } }', { input: { name: 'watched', messages: [{ role: 'user', content: 'x' }], labels } });
      }
      const { createExperiment: { id } } = await gateway.graphql(CREATE, {
        input: { name: 'Watched', subject: 'prompts:/watched@production', arms: [{ name: 'new', target: 'prompts:/watched/2' }], primaryMetric: 'cost', guards: [{ metric: 'error_rate', limit: 0.1 }] },
      });
      await gateway.graphql(START, { id });
      await logArm(gateway, id, 'control', 20);
      await logArm(gateway, id, 'new', 20, () => ({ status: 502, errorCode: 'upstream_failed' }));
      await vi.waitFor(async () => expect((await gateway.graphql(SHOW, { id }))['experiment'].status).toBe('halted'), { timeout: 40_000, interval: 250 });
    } finally {
      await gateway.stop();
    }
  });
});

describe('experiments', () => {
  let gateway: Gateway;
  let ctx: RequestContext;
  let service: ExperimentService;
  let name: string;
  let made = 0;

  beforeAll(async () => {
    gateway = await startGateway();
    ctx = await gateway.app.get(AuthService).authenticate(`Bearer ${gateway.key}`, 'test');
    service = gateway.app.get(ExperimentService, { strict: false });
    await gateway.graphql('mutation { createProvider(input: { name: "openai", baseUrl: "https://example.com/v1" }) { id } }');
  });
  afterAll(() => gateway.stop());

  /** A prompt of three versions, of which the first is in production. */
  beforeEach(async () => {
    name = `support-${made += 1}`;
    for (const text of ['one', 'two', 'three']) {
      await gateway.graphql('mutation ($input: CreatePromptVersionInput!) { createPromptVersion(input: $input) { version } }',
        { input: { name, messages: [{ role: 'user', content: text }], labels: text === 'one' ? ['production'] : [] } });
    }
  });

  const design = (input: object = {}) => ({
    name: 'A test', subject: `prompts:/${name}@production`, control: 'now', primaryMetric: 'latency_ms',
    arms: [{ name: 'now', target: `prompts:/${name}/1` }, { name: 'new', target: `prompts:/${name}/2` }], ...input,
  });
  const create = async (input: object = {}) => (await gateway.graphql(CREATE, { input: design(input) }))['createExperiment'].id as string;
  const started = async (input: object = {}) => {
    const id = await create(input);
    await gateway.graphql(START, { id });
    return id;
  };
  const show = async (id: string) => (await gateway.graphql(SHOW, { id }))['experiment'];
  const subject = (): Subject => ({ kind: 'prompt', name, label: 'production' });
  const assign = async (key: string | null, of: Subject = subject()): Promise<Assignment | null> => service.assign(ctx, of, key);
  const productionOf = async () => (await gateway.graphql('query ($name: String!) { prompt(name: $name) { version } }', { name }))['prompt'].version as number;
  const keys = Array.from({ length: 300 }, (_, index) => `user-${index}`);
  const assignAll = () => Promise.all(keys.map((key) => assign(key)));
  const eventsOf = async (id: string) => (await gateway.app.get(Database).platform.query<{ type: string; data: object }[]>("SELECT type, data FROM events WHERE data ->> 'id' = $1 ORDER BY id", [id]));

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
        expect(service.assign(ctx, subject(), 'ada')).not.toBeInstanceOf(Promise);
        expect(service.assign(ctx, { kind: 'deployment', name: 'nothing' }, 'ada')).toBeNull();
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
      expect(await service.assign(other, deployment, 'ada')).toBeNull();
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

  describe('results', () => {
    const add = (experimentId: string, arm: string, count: number, of?: Parameters<typeof logArm>[4]) => logArm(gateway, experimentId, arm, count, of);

    it('says what is better and by how much, and what is not decided', async () => {
      const id = await started({ expectedUnits: 400 });
      await add(id, 'now', 200, (index) => ({ latencyMs: 900 + (index % 20) * 10 }));
      await add(id, 'new', 200, (index) => ({ latencyMs: 600 + (index % 20) * 10, errorCode: index % 100 === 0 ? 'upstream_failed' : null, status: index % 100 === 0 ? 502 : 200 }));
      const { results } = await show(id);
      expect(results.arms[1]).toMatchObject({ arm: 'new', calls: 200, units: 200, keys: 0 });
      expect(results.comparisons[0]).toMatchObject({ metric: 'latency_ms', arm: 'new', outcome: 'better', difference: { value: -300 } });
      expect(results.comparisons[0].difference.high).toBeLessThan(-250);
      expect(results.words).toMatch(/^new is better than now: mean latency lower by 300 ms/);
      expect(results.comparisons[1]).toMatchObject({ metric: 'error_rate', outcome: 'undecided', words: expect.stringContaining('Not decided yet') });
      expect(results.sampleRatio).toEqual({ pValue: 1, mismatch: false });
    });

    it('counts a key once: by its first call, or by the mean of what it was observed for', async () => {
      const call = (stickyKey: string, seconds: number, latencyMs: number, arm = 'now') => ({ stickyKey, latencyMs, arm, at: Date.now() - 3_600_000 + seconds * 1000 });
      const calls = [call('ada', 0, 100), call('ada', 10, 300), call('ada', 20, 500, 'new'), call('ada', 2000, 900), call('bob', 5, 700), call('eve', 3595, 50)];
      const byMean = await started({ observeSeconds: 60 });
      await logCalls(gateway, ...calls.map((each) => ({ experimentId: byMean, ...each })));
      const { arms } = (await show(byMean)).results;
      // ada: mean of 100 and 300; eve is still observed; the call to the other arm belongs to none.
      expect(arms[0]).toMatchObject({ calls: 5, units: 3, keys: 3, metrics: expect.arrayContaining([expect.objectContaining({ metric: 'latency_ms', n: 2, mean: 450 })]) });
      expect(arms[1]).toMatchObject({ calls: 0, units: 0 });
      await gateway.graphql(STOP, { id: byMean });
      const byFirst = await started();
      await logCalls(gateway, ...calls.map((each) => ({ experimentId: byFirst, ...each })));
      expect((await show(byFirst)).results.arms[0].metrics).toEqual(expect.arrayContaining([expect.objectContaining({ metric: 'latency_ms', n: 3, mean: (100 + 700 + 50) / 3 })]));
    });

    it('tells keys apart of which the log hides something', async () => {
      await setLogging(gateway, 'metadata', [{ name: 'email' }]);
      const id = await started();
      await add(id, 'now', 30, (index) => ({ stickyKey: `user-${index % 10}@example.com` }));
      await setLogging(gateway, 'metadata');
      expect((await show(id)).results.arms[0]).toMatchObject({ calls: 30, units: 10, keys: 10 });
      const { calls } = await gateway.graphql('{ calls(first: 30) { nodes { stickyKey } } }');
      expect(JSON.stringify(calls)).not.toContain('@example.com');
    });

    it('measures feedback by its first word on a call', async () => {
      const id = await started({ primaryMetric: 'thumb_rate', expectedUnits: 200 });
      for (const [arm, good] of [['now', 0.2], ['new', 0.8]] as const) {
        const ids = await add(id, arm, 100);
        await judge(gateway, ids.map((callId, index) => ({ callId, thumb: index < good * 100, score: arm === 'new' ? index : null })));
        await judge(gateway, ids.map((callId) => ({ callId, thumb: false })));
      }
      const { results } = await show(id);
      expect(results.comparisons[0]).toMatchObject({ metric: 'thumb_rate', outcome: 'better' });
      expect(results.comparisons[0].difference.value).toBeCloseTo(0.6, 10);
      expect(results.comparisons[0].words).toContain('share of thumbs up higher by 60 points');
      expect(results.arms[1].metrics).toContainEqual(expect.objectContaining({ metric: 'score', n: 100, mean: 49.5 }));
    });

    it('compares arms within the time that their weights stood', async () => {
      const id = await started({ arms: [{ name: 'now', target: `prompts:/${name}/1`, weight: 9 }, { name: 'new', target: `prompts:/${name}/2`, weight: 1 }], expectedUnits: 1000 });
      const early = Date.now() - 60_000;
      await add(id, 'now', 450, (index) => ({ latencyMs: 100 + (index % 2), at: early }));
      await add(id, 'new', 50, (index) => ({ latencyMs: 100 + (index % 2), at: early }));
      await gateway.graphql(RESHARE, { id, input: { weights: [{ arm: 'new', weight: 81 }] } });
      await add(id, 'now', 50, (index) => ({ latencyMs: 500 + (index % 2) }));
      await add(id, 'new', 450, (index) => ({ latencyMs: 500 + (index % 2) }));
      const { results } = await show(id);
      expect(results.comparisons[0]).toMatchObject({ outcome: 'undecided', difference: { value: expect.closeTo(0, 6) } });
      expect(results.sampleRatio.mismatch).toBe(false);
    });

    it('warns when units did not go as the weights say', async () => {
      const id = await started();
      await add(id, 'now', 900);
      await add(id, 'new', 600);
      expect((await show(id)).results).toMatchObject({ sampleRatio: { mismatch: true }, words: expect.stringContaining('Do not trust these results') });
    });

    describe('guards', () => {
      const check = (id: string) => gateway.app.get(ExperimentProcessor, { strict: false }).handle({ projectId: ctx.projectId, experimentId: id });
      const errors = (from: number) => (index: number) => (index >= from ? { status: 502, errorCode: 'upstream_failed' } : {});

      it('halt an experiment whose arm fails, and give its traffic back', async () => {
        const id = await started({ guards: [{ metric: 'error_rate', maxWorse: 0.02 }] });
        await add(id, 'now', 20);
        await add(id, 'new', 20, errors(5));
        await assign('ada');
        await check(id);
        expect(await show(id)).toMatchObject({ status: 'halted', halt: { metric: 'error_rate', arm: 'new', message: expect.stringContaining('Violated: the error rate of new is 75% worse than that of now') } });
        expect(await assign('ada')).toBeNull();
        expect(await eventsOf(id)).toMatchObject([{ type: 'experiment.started' }, { type: 'experiment.halted', data: { arm: 'new', metric: 'error_rate' } }]);
        await check(id);
        expect((await gateway.graphql(STOP, { id, promote: 'now' }))['stopExperiment']).toEqual({ status: 'stopped', promotedArm: 'now' });
      });

      it.each([
        [{ metric: 'latency_p95', limit: 1000 }, (index: number) => ({ latencyMs: index % 4 === 0 ? 2000 : 100 }), 'share of calls over 1,000 ms of new is 25%'],
        [{ metric: 'latency_ms', maxWorse: 100 }, (index: number) => ({ latencyMs: 400 + (index % 3) * 10 }), 'mean latency of new is 309.9 ms worse than that of now'],
        [{ metric: 'cost', limit: 0.5 }, (index: number) => ({ cost: 1 + (index % 3) / 10 }), 'cost per call of new is 1.099'],
        [{ metric: 'error_rate', limit: 0.1 }, errors(70), 'error rate of new is 30%'],
      ])('tell of a violation of %j', async (guard, of, words) => {
        const id = await started({ guards: [guard] });
        await add(id, 'now', 120, (index) => ({ latencyMs: 100 + (index % 2) * 2 - 1 }));
        await add(id, 'new', 100, of);
        const [result] = (await show(id)).results.guards;
        expect(result).toMatchObject({ violated: true, words: expect.stringContaining(words) });
        await check(id);
        expect((await show(id)).status).toBe('halted');
      });

      it('let an experiment run that keeps to them, and are looked at again', async () => {
        const id = await started({ guards: [{ metric: 'error_rate', maxWorse: 0.02 }, { metric: 'thumb_rate', limit: 0.3 }] });
        await add(id, 'now', 100);
        await add(id, 'new', 100, errors(97));
        await check(id);
        expect(await show(id)).toMatchObject({ status: 'running', results: { guards: [{ violated: false, words: expect.stringContaining('Not shown to be violated yet') }, { violated: false, observed: null }] } });
        const lifecycle = gateway.app.get(ExperimentLifecycle, { strict: false });
        const { platform } = gateway.app.get(Database);
        await platform.query("UPDATE experiments SET next_check_at = now() + interval '1 hour' WHERE id <> $1", [id]);
        expect(await lifecycle.reconcile()).toBe(0);
        await platform.query('UPDATE experiments SET next_check_at = now() WHERE id = $1', [id]);
        expect(await lifecycle.reconcile()).toBe(1);
        expect(await lifecycle.reconcile()).toBe(0);
        expect(await platform.query("SELECT job FROM outbox WHERE payload ->> 'experimentId' = $1", [id])).toEqual([{ job: 'experiment.check' }]);
      });
    });
  });
});
