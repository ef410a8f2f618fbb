import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Database } from '../../src/database/database.js';
import { ExperimentLifecycle } from '../../src/experiments/experiment.lifecycle.js';
import { ExperimentProcessor } from '../../src/experiments/experiment.processor.js';
import { logCalls, setLogging } from '../helpers/calls.js';
import { judge, logArm } from '../helpers/experiment-calls.js';
import { CREATE, ExperimentBench, RESHARE, SHOW, START, STOP } from '../helpers/experiments.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';

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

describe('results of experiments', () => {
  let gateway: Gateway;
  let bench: ExperimentBench;
  let name: string;
  const started = (input?: object) => bench.started(input);
  const show = (id: string) => bench.show(id);
  const assign = (key: string | null, of?: Parameters<ExperimentBench['assign']>[1]) => bench.assign(key, of);
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
    const check = (id: string) => gateway.app.get(ExperimentProcessor, { strict: false }).handle({ projectId: bench.ctx.projectId, experimentId: id });
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
