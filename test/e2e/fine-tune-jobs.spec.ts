import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createJob, followJob, type JobEvent, prepareTraining, readJob, sentences, sftInput, untilOver, uploadDataset } from '../helpers/fine-tune.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';

const CALL = { type: 'function_call', input: '{{sample.output_text}}', reference: '{{item.expected}}', partial: true };

describe('fine-tune jobs with the real trainer', () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway({ worker: true, env: { TRIAD_WARM_TRAINER: '1' } });
    await prepareTraining(gateway);
    const without = (row: object) => ({ ...row, completion: undefined });
    const pairs = sentences(0, 40).map((row, index) => ({ ...without(row), chosen: `on(lamp ${index})`, rejected: `off(lamp ${index})`, slice: index % 2 ? 'odd' : 'even' }));
    await uploadDataset(gateway, 'pairs', pairs, { format: 'preference', holdout: 0.3 });
    await uploadDataset(gateway, 'items', sentences(40, 60).map((row, index) => ({ ...without(row), expected: `on(lamp ${40 + index})` })), { format: 'prompt', holdout: 0.3 });
  });
  afterAll(() => gateway.stop());

  it('sft: trains an adapter, reports on the way, and registers it with its lineage', async () => {
    const id = await createJob(gateway, sftInput(6, { checkpointEverySteps: 2, evalEverySteps: 3 }));
    const events: JobEvent[] = [];
    for await (const event of followJob(gateway, id)) events.push(event);
    const job = await readJob(gateway, id);
    expect(job).toMatchObject({
      status: 'succeeded', attempt: 1, step: 6, totalSteps: 6, etaSeconds: null, failure: null,
      modelVersion: { name: 'tuned', version: 1, kind: 'adapter', licence: 'apache-2.0' },
      summary: { outcome: 'succeeded', step: 6, seconds: expect.any(Number), peakMemoryBytes: expect.any(Number) },
    });
    expect(job.metrics.map((point: { step: number }) => point.step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(job.checkpoints.map((checkpoint: { step: number }) => checkpoint.step)).toEqual([6, 4, 2]);
    expect(events.map((event) => event.type)).toEqual(expect.arrayContaining(['log', 'started', 'metrics', 'checkpoint', 'artefact', 'finished']));
    expect(events.find((event) => 'eval_loss' in (event.data['metrics'] ?? {}))).toBeDefined();
    expect(events.at(-1)).toMatchObject({ type: 'log', data: { message: 'Succeeded: models:/tuned/1.' }, job: { status: 'succeeded' } });
    const { lineage } = await gateway.graphql('query ($id: ID!) { lineage(type: model_version, id: $id, direction: up) { nodes { label } } }', { id: job.modelVersion.id });
    expect(lineage.nodes.map((node: { label: string }) => node.label).join('\n')).toMatch(/tiny.*[\s\S]*lamps|lamps[\s\S]*tiny/);
  });

  it('sft: goes on from an adapter; the result still belongs on the base', async () => {
    const job = await untilOver(gateway, await createJob(gateway, { ...sftInput(2), model: 'models:/tuned/1' }));
    expect(job).toMatchObject({ status: 'succeeded', modelVersion: { name: 'tuned', version: 2, kind: 'adapter' } });
    const { modelVersion } = await gateway.graphql('{ modelVersion(ref: "models:/tuned/2") { baseVersionId } }');
    expect((await gateway.graphql('{ modelVersion(ref: "models:/tiny/1") { id } }'))['modelVersion'].id).toBe(modelVersion.baseVersionId);
  });

  it('reward: reports its held-out accuracy by slice; grpo is trained on it, with an independent gold score', async () => {
    const reward = await untilOver(gateway, await createJob(gateway, { ...sftInput(3), method: 'reward', dataset: 'datasets:/pairs', registerAs: 'judge', reward: { layers: 1 } }));
    expect(reward).toMatchObject({ status: 'succeeded', modelVersion: { name: 'judge', kind: 'reward' } });
    const { pairs, accuracy, slices } = reward.rewardReport;
    expect(slices.map((slice: { name: string }) => slice.name)).toEqual(['even', 'odd']);
    expect(slices.reduce((sum: number, slice: { pairs: number }) => sum + slice.pairs, 0)).toBe(pairs);
    expect(accuracy.low).toBeLessThanOrEqual(accuracy.value);

    const rl = { groupSize: 2, maxNewTokens: 8, reward: { type: 'reward_model', modelVersionId: reward.modelVersion.id }, gold: CALL };
    const policy = await untilOver(gateway, await createJob(gateway, { ...sftInput(2, { evalEverySteps: 1 }), method: 'grpo', model: 'models:/tuned/1', dataset: 'datasets:/items', registerAs: 'policy', rl }));
    expect(policy, JSON.stringify(policy.events.nodes.slice(-4))).toMatchObject({ status: 'succeeded', modelVersion: { name: 'policy', kind: 'adapter' } });
    const metric = async (name: string) => (await gateway.graphql('query ($id: ID!, $name: String!) { fineTuneJob(id: $id) { metrics(name: $name) { value } } }', { id: policy.id, name }))['fineTuneJob'].metrics.length;
    expect(await metric('reward')).toBeGreaterThan(0);
    expect(await metric('gold')).toBeGreaterThan(0);
    const { lineage } = await gateway.graphql('query ($id: ID!) { lineage(type: model_version, id: $id, direction: up) { edges { from to relation } } }', { id: policy.modelVersion.id });
    expect(lineage.edges).toContainEqual({ from: reward.modelVersion.id, to: policy.modelVersion.id, relation: 'scored_by' });
  });

  it('dpo: trains an adapter on preferences', async () => {
    const job = await untilOver(gateway, await createJob(gateway, { ...sftInput(2), method: 'dpo', dataset: 'datasets:/pairs', registerAs: 'preferred' }));
    expect(job).toMatchObject({ status: 'succeeded', modelVersion: { name: 'preferred', kind: 'adapter' } });
  });

  it('a row that lacks a variable of the prompt fails the job, naming the row', async () => {
    await uploadDataset(gateway, 'broken', [...sentences(100, 103), { input: { command: 'turn on lamp 103' }, completion: 'x' }]);
    const job = await untilOver(gateway, await createJob(gateway, { ...sftInput(2), dataset: 'datasets:/broken' }));
    expect(job).toMatchObject({ status: 'failed', attempt: 1, modelVersion: null, failure: { code: 'bad_data', message: expect.stringMatching(/\{\{sentence\}\}.*turn on lamp 103/) } });
  });

  it('data that the trainer refuses fails the job with its words, and is not tried again', async () => {
    const job = await untilOver(gateway, await createJob(gateway, sftInput(2, { maxLength: 8 })));
    expect(job).toMatchObject({ status: 'failed', attempt: 1, modelVersion: null, failure: { code: 'bad_data', message: expect.stringContaining('maxLength') } });
    const last = job.events.nodes.filter((event: JobEvent) => event.type === 'log' && event.data['level'] === 'error').map((event: JobEvent) => event.data['message']);
    expect(last).toContainEqual(expect.stringContaining("The trainer's last lines:"));
  });
});
