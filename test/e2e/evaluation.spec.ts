import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { createJob, prepareTraining, sentences, sftInput, untilOver, uploadDataset } from '../helpers/fine-tune.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { type Runtime, startRuntime } from '../helpers/runtime.js';

const RUN = `query ($id: ID!) { evaluationRun(id: $id) {
  status done gold { value low high } goldMean goldBest rewardMean promptTokens completionTokens seconds cost failure { code message }
  samples(first: 500) { nodes { item sample output gold reward chosen completionTokens } } } }`;

describe('evaluation with the real trainer, runtime and worker', () => {
  let runtime: Runtime;
  let gateway: Gateway;
  beforeAll(async () => {
    runtime = await startRuntime();
    gateway = await startGateway({ worker: true, env: { TRIAD_RUNTIME_URL: runtime.url, TRIAD_SCORER_URL: runtime.url } });
    await prepareTraining(gateway);
    const rows = sentences(100, 112).map((row) => ({ input: (row as { input: object }).input, expected: 'on' }));
    await uploadDataset(gateway, 'questions', rows, { format: 'prompt' });
    await gateway.graphql('mutation ($input: CreateEvaluationSuiteInput!) { createEvaluationSuite(input: $input) { id } }',
      { input: { name: 'lamps', dataset: 'datasets:/questions', grader: { type: 'string_check', operation: 'like', input: '{{sample.output_text}}', reference: '{{item.expected}}' } } });
  });
  afterAll(async () => {
    await gateway.stop();
    await runtime.kill();
  });

  /** Starts a run, follows it to its end as a client would, and reads it. */
  async function evaluate(input: object): Promise<any> {
    const { startEvaluation } = await gateway.graphql('mutation ($input: StartEvaluationInput!) { startEvaluation(input: $input) { id } }', { input: { suite: 'lamps', prompt: 'prompts:/call/1', ...input } });
    const { id } = startEvaluation as { id: string };
    const client = createClient({ url: `${gateway.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, connectionParams: { Authorization: `Bearer ${gateway.key}` } });
    for await (const { errors } of client.iterate({ query: 'subscription ($id: ID!) { evaluationRunProgress(id: $id) { status done } }', variables: { id } })) expect(errors).toBeUndefined();
    await client.dispose();
    return { id, ...(await gateway.graphql(RUN, { id }))['evaluationRun'] };
  }

  it('measures base and adapter, scores with a trained reward model, and makes training data of the best answers', async () => {
    const base = await evaluate({ model: 'models:/tiny', sampling: { n: 1, temperature: 0, maxTokens: 12, seed: 0 } });
    expect(base).toMatchObject({ status: 'succeeded', done: 12, failure: null });
    expect(base.samples.nodes).toHaveLength(12);
    expect(base.completionTokens).toBe(base.samples.nodes.reduce((sum: number, each: { completionTokens: number }) => sum + each.completionTokens, 0));

    const adapter = await untilOver(gateway, await createJob(gateway, sftInput(4)));
    expect(adapter).toMatchObject({ status: 'succeeded' });
    const pairs = Array.from({ length: 24 }, (_, item) => ({ input: { sentence: `turn on lamp ${item}` }, chosen: `on(lamp ${item})`, rejected: `off(lamp ${item})`, slice: item % 2 === 0 ? 'even' : 'odd' }));
    await uploadDataset(gateway, 'pairs', pairs, { format: 'preference', holdout: 0.4 });
    const reward = await untilOver(gateway, await createJob(gateway, { ...sftInput(4), method: 'reward', dataset: 'datasets:/pairs', registerAs: 'judge', model: 'models:/tuned' }));
    expect(reward).toMatchObject({ status: 'succeeded', failure: null });
    const { modelVersion } = await gateway.graphql('{ modelVersion(ref: "models:/judge") { kind rewardReport { pairs accuracy { value } slices { name pairs } } } }');
    expect(modelVersion).toMatchObject({ kind: 'reward', rewardReport: { slices: [{ name: 'even' }, { name: 'odd' }] } });

    const best = await evaluate({ model: 'models:/tuned', rewardModel: 'models:/judge', sampling: { n: 4, temperature: 1, maxTokens: 12, seed: 1 } });
    expect(best).toMatchObject({ status: 'succeeded', done: 12 });
    const samples = best.samples.nodes as { item: number; sample: number; output: string; reward: number; chosen: boolean }[];
    expect(samples).toHaveLength(48);
    const first = samples.filter(({ item }) => item === 0);
    const { scoreAnswers } = await gateway.graphql('mutation ($input: ScoreAnswersInput!) { scoreAnswers(input: $input) }', {
      input: { rewardModel: 'models:/judge', conversations: first.map(({ output }) => ({ messages: [{ role: 'user', content: 'Call: turn on lamp 100' }, { role: 'assistant', content: output }] })) },
    });
    for (const [index, { reward: stored }] of first.entries()) expect(scoreAnswers[index]).toBeCloseTo(stored, 4);
    expect(first.find(({ chosen }) => chosen)!.reward).toBe(Math.max(...first.map((each) => each.reward)));

    const again = await evaluate({ model: 'models:/tuned', rewardModel: 'models:/judge', sampling: { n: 4, temperature: 1, maxTokens: 12, seed: 1 } });
    expect(again.samples.nodes.map((each: { output: string }) => each.output)).toEqual(samples.map((each) => each.output));
    const { compareEvaluations } = await gateway.graphql('query ($baseline: ID!, $runs: [ID!]!) { compareEvaluations(baselineRunId: $baseline, runIds: $runs) { verdict ties } }', { baseline: best.id, runs: [again.id] });
    expect(compareEvaluations).toEqual([{ verdict: 'no_difference_shown', ties: 12 }]);
    const { createDatasetFromEvaluation } = await gateway.graphql('mutation ($input: CreateDatasetFromEvaluationInput!) { createDatasetFromEvaluation(input: $input) { rows } }', { input: { runId: best.id, name: 'own-best', select: 'best_by_reward' } });
    expect(createDatasetFromEvaluation.rows).toBeGreaterThan(0);
  });
});
