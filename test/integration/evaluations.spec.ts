import { createClient } from 'graphql-ws';
import { EventEmitter, once, setMaxListeners } from 'node:events';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import type { RequestContext } from '../../src/common/request-context.js';
import { Database } from '../../src/database/database.js';
import { DatasetService } from '../../src/datasets/dataset.service.js';
import { EvaluationLifecycle } from '../../src/evaluations/evaluation.lifecycle.js';
import { EvaluationProcessor } from '../../src/evaluations/evaluation.processor.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { type OpenAiFake, startOpenAiFake } from '../helpers/openai-fake.js';
import { contextOf, registerStubModel, registerStubReward } from '../helpers/stub-model.js';

const SUITE = 'mutation ($input: CreateEvaluationSuiteInput!) { createEvaluationSuite(input: $input) { id name sealed } }';
const START = 'mutation ($input: StartEvaluationInput!) { startEvaluation(input: $input) { id status items sampling { n } } }';
const RUN = `query ($id: ID!) { evaluationRun(id: $id) {
  status items done attempt gold { value low high } goldMean goldBest rewardMean promptTokens completionTokens seconds cost failure { code message }
  suite { name } modelVersion { name } promptVersion { name } rewardVersion { name } } }`;
const SAMPLES = 'query ($id: ID!, $first: Int!, $after: String) { evaluationRun(id: $id) { samples(first: $first, after: $after) { nodes { item sample output gold reward chosen finishReason } pageInfo { hasNextPage endCursor } } } }';
const COMPARE = 'query ($baseline: ID!, $runs: [ID!]!) { compareEvaluations(baselineRunId: $baseline, runIds: $runs) { runId verdict wins losses ties pValue adjustedPValue difference { value low high } itemsForPower } }';
const FROM_RUN = 'mutation ($input: CreateDatasetFromEvaluationInput!) { createDatasetFromEvaluation(input: $input) { id format rows licence } }';

const ITEMS = 40;
const grader = { type: 'string_check', operation: 'eq', input: '{{sample.output_text}}', reference: '{{item.expected}}' };
const numberOf = (messages: { content: string }[]) => Number(/\d+/.exec(messages.at(-1)!.content)![0]);

/** Which items a model of the fake runtime gets right; `dice` does by its seed. */
const KNOWS: Record<string, (item: number, seed: number) => boolean> = {
  weak: (item) => item % 4 === 0,
  strong: (item) => item % 4 !== 1,
  dice: (item, seed) => (seed + item) % 3 === 0,
};

describe('evaluations', () => {
  let fake: OpenAiFake;
  let gateway: Gateway;
  let ctx: RequestContext;
  /** Awaited before each answer of the fake runtime. */
  let before: (request: any) => Promise<void> = () => Promise.resolve();

  const process = (runId: string, signal = new AbortController().signal) =>
    gateway.app.get(EvaluationProcessor).handle({ projectId: ctx.projectId, runId }, signal);
  const start = async (input: object) => (await gateway.graphql(START, { input: { suite: 'open', model: 'models:/weak', prompt: 'prompts:/count', ...input } }))['startEvaluation'];
  const finish = async (input: object): Promise<string> => {
    const { id } = await start(input);
    await process(id);
    return id;
  };
  const run = async (id: string) => (await gateway.graphql(RUN, { id }))['evaluationRun'];
  const samplesOf = async (id: string) => (await gateway.graphql(SAMPLES, { id, first: 500 }))['evaluationRun'].samples.nodes as { item: number; sample: number; output: string; gold: number; reward: number | null; chosen: boolean }[];
  const asked = (from: number) => fake.seen.slice(from).filter(({ path }) => path === '/v1/chat/completions').map(({ body }) => numberOf(body.messages));
  const makeData = (name: string, sealed: boolean, from = 0) => gateway.app.get(DatasetService).createFromRows(ctx, {
    name, format: 'prompt', licence: 'own', sealed, derivedFrom: [],
    rows: Readable.from(Array.from({ length: ITEMS }, (_, item) => ({ input: { number: String(from + item) }, expected: `yes ${from + item}` }))),
  });

  beforeAll(async () => {
    fake = await startOpenAiFake({
      served: [...Object.keys(KNOWS), 'judge'].map((id) => ({ id })),
      answer: (messages, { model, seed }) => `${KNOWS[model]!(numberOf(messages), seed) ? 'yes' : 'no\0'} ${numberOf(messages)}`,
      reward: (messages) => (messages.at(-1)!.content.startsWith('yes') ? 2.5 : -1),
      before: (request) => before(request),
    });
    const url = fake.url.replace('/v1', '');
    gateway = await startGateway({ env: { TRIAD_RUNTIME_URL: url, TRIAD_SCORER_URL: url, TRIAD_COMPUTE_PRICE_PER_HOUR: '3600' } });
    ctx = await contextOf(gateway);
    for (const name of Object.keys(KNOWS)) await registerStubModel(gateway, name);
    await registerStubReward(gateway, 'judge');
    await gateway.graphql('mutation ($input: CreatePromptVersionInput!) { createPromptVersion(input: $input) { version } }',
      { input: { name: 'count', messages: [{ role: 'user', content: 'Is it {{number}}?' }], labels: ['production'] } });
    await Promise.all([makeData('open-items', false), makeData('sealed-items', true, 1000)]);
    for (const [name, data] of [['open', 'open-items'], ['secret', 'sealed-items']]) await gateway.graphql(SUITE, { input: { name, dataset: `datasets:/${data}`, grader } });
  });
  afterAll(async () => {
    await gateway.stop();
    await fake.stop();
  });

  it('measures a candidate: gold with interval, tokens, time and cost, answers in order', async () => {
    const started = await start({});
    expect(started).toMatchObject({ status: 'queued', items: ITEMS, sampling: { n: 1 } });
    await process(started.id);
    const done = await run(started.id);
    expect(done).toMatchObject({
      status: 'succeeded', done: ITEMS, attempt: 1, gold: { value: 0.25 }, goldMean: 0.25, goldBest: 0.25, rewardMean: null, failure: null,
      promptTokens: 10 * ITEMS, suite: { name: 'open' }, modelVersion: { name: 'weak' }, promptVersion: { name: 'count' }, rewardVersion: null,
    });
    expect(done.gold.low).toBeGreaterThan(0.05);
    expect(done.gold.high).toBeLessThan(0.5);
    expect(done.seconds).toBeGreaterThan(0);
    expect(done.cost).toBeCloseTo(done.seconds, 9);
    const samples = await samplesOf(started.id);
    expect(samples.map((sample) => sample.item)).toEqual(Array.from({ length: ITEMS }, (_, item) => item));
    expect(samples[3]).toMatchObject({ output: 'no\uFFFD 3', gold: 0 });
    expect(samples[4]).toMatchObject({ output: 'yes 4', gold: 1, reward: null, chosen: true, finishReason: 'stop' });
    expect(await gateway.app.get(Database).platform.query("SELECT type, data->>'id' AS id FROM events WHERE data->>'id' = $1", [started.id])).toEqual([{ type: 'evaluation.succeeded', id: started.id }]);
  });

  it('chooses the best of n by the reward model, beside what a random and a perfect choice reach', async () => {
    const id = await finish({ model: 'models:/dice', rewardModel: 'models:/judge', sampling: { n: 3, temperature: 1, maxTokens: 8, seed: 5 } });
    const samples = await samplesOf(id);
    const items = Array.from({ length: ITEMS }, (_, item) => samples.filter((sample) => sample.item === item));
    for (const item of items) {
      expect(item.map(({ sample }) => sample)).toEqual([0, 1, 2]);
      expect(item.filter(({ chosen }) => chosen)).toHaveLength(1);
      expect(item.find(({ chosen }) => chosen)!.reward).toBe(Math.max(...item.map(({ reward }) => reward!)));
    }
    const done = await run(id);
    const best = items.filter((item) => item.some(({ gold }) => gold === 1)).length / ITEMS;
    expect(done).toMatchObject({ status: 'succeeded', goldBest: best, gold: { value: best }, rewardVersion: { name: 'judge' } });
    expect(done.goldMean).toBeCloseTo(samples.filter(({ gold }) => gold === 1).length / samples.length, 12);
    expect(done.goldMean).toBeLessThan(best);
  });

  it('says gain, loss, or that no difference is shown; on one suite only', async () => {
    const [weak, same, strong, sealed] = [await finish({}), await finish({}), await finish({ model: 'models:/strong' }), await finish({ suite: 'secret' })];
    const { compareEvaluations: rows } = await gateway.graphql(COMPARE, { baseline: weak, runs: [strong, same] });
    expect(rows).toMatchObject([
      { runId: strong, verdict: 'gain', wins: 20, losses: 0, ties: 20, difference: { value: 0.5 }, itemsForPower: expect.any(Number) },
      { runId: same, verdict: 'no_difference_shown', wins: 0, losses: 0, ties: ITEMS, pValue: 1, difference: { value: 0, low: 0, high: 0 }, itemsForPower: null },
    ]);
    expect(rows[0].adjustedPValue).toBeCloseTo(2 * rows[0].pValue, 15);
    expect((await gateway.graphql(COMPARE, { baseline: strong, runs: [weak] }))['compareEvaluations']).toMatchObject([{ verdict: 'loss', difference: { value: -0.5 } }]);
    await expect(gateway.graphql(COMPARE, { baseline: weak, runs: [sealed] })).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('different suites') });
    await expect(gateway.graphql(COMPARE, { baseline: weak, runs: [(await start({})).id] })).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('is queued') });
  });

  it('shows of a sealed suite only what the answers add up to', async () => {
    const id = await finish({ suite: 'secret' });
    expect(await run(id)).toMatchObject({ status: 'succeeded', gold: { value: 0.25 } });
    await expect(samplesOf(id)).rejects.toMatchObject({ code: 'sealed' });
    await expect(gateway.graphql(FROM_RUN, { input: { runId: id, name: 'stolen', select: 'best_by_gold' } })).rejects.toMatchObject({ code: 'sealed' });
    await expect(gateway.graphql(SUITE, { input: { name: 'not-sealed', dataset: 'datasets:/open-items', grader, sealed: true } })).rejects.toMatchObject({ code: 'bad_input' });
  });

  it('makes training data of the best answers, and records what it came from', async () => {
    const id = await finish({ model: 'models:/dice', rewardModel: 'models:/judge', sampling: { n: 2, temperature: 1, maxTokens: 8, seed: 1 } });
    const create = async (name: string, select: string, keep?: number) => (await gateway.graphql(FROM_RUN, { input: { runId: id, name, select, keep } }))['createDatasetFromEvaluation'];
    const datasets = gateway.app.get(DatasetService);
    expect(await create('by-reward', 'best_by_reward')).toMatchObject({ format: 'sft', rows: ITEMS, licence: 'own' });
    const right = new Set((await samplesOf(id)).filter(({ gold }) => gold > 0).map(({ item }) => item));
    expect(await create('by-gold', 'best_by_gold')).toMatchObject({ rows: right.size });
    expect(await create('surest', 'best_by_reward', 0.1)).toMatchObject({ rows: ITEMS / 10 });
    await expect(create('gold-share', 'best_by_gold', 0.5)).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('keep is a share by reward') });
    const rows = [];
    for (const name of ['by-gold', 'surest']) for await (const { row } of datasets.rows(ctx, await datasets.resolve(ctx, `datasets:/${name}`), 'all')) rows.push(row);
    expect(rows.map(({ completion }) => String(completion).slice(0, 3))).toEqual(rows.map(() => 'yes'));
    expect(rows[0]).toEqual({ input: { number: String(Math.min(...right)) }, completion: `yes ${Math.min(...right)}` });
    const made = await datasets.resolve(ctx, 'datasets:/by-reward');
    const edges = await gateway.app.get(Database).platform.query("SELECT relation, from_type FROM lineage_edges WHERE to_id = $1 ORDER BY relation, from_type", [made.id]);
    expect(edges).toEqual([
      { relation: 'data_derived', from_type: 'dataset_version' }, { relation: 'data_derived', from_type: 'evaluation_run' },
      { relation: 'output_derived', from_type: 'model_version' }, { relation: 'scored_by', from_type: 'model_version' },
    ]);
    const plain = await finish({});
    await expect(gateway.graphql(FROM_RUN, { input: { runId: plain, name: 'x', select: 'best_by_reward' } })).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('not scored by a reward model') });
  });

  it('goes on after a shutdown without asking again what is answered', async () => {
    const { id } = await start({});
    const shutdown = new AbortController();
    setMaxListeners(0, shutdown.signal);
    const from = fake.seen.length;
    let answered = 0;
    before = async () => {
      answered += 1;
      if (answered > 10) await new Promise<void>((resolve) => shutdown.signal.addEventListener('abort', () => resolve()));
    };
    const first = process(id, shutdown.signal);
    await expect.poll(async () => (await run(id)).done).toBe(10);
    shutdown.abort();
    await first;
    expect(await run(id)).toMatchObject({ status: 'queued', attempt: 1, done: 10 });
    const kept = (await samplesOf(id)).map(({ item }) => item);
    before = () => Promise.resolve();
    const again = fake.seen.length;
    await process(id);
    expect(await run(id)).toMatchObject({ status: 'succeeded', attempt: 2, done: ITEMS, gold: { value: 0.25 } });
    expect(asked(again).sort((a, b) => a - b)).toEqual(Array.from({ length: ITEMS }, (_, item) => item).filter((item) => !kept.includes(item)));
    expect(asked(from)).toHaveLength(2 * ITEMS - 10);
  });

  it('fences a worker that was taken for dead: its late answers are refused', async () => {
    const { id } = await start({});
    const gate = new EventEmitter();
    const held = once(gate, 'open').then(() => undefined);
    before = () => held;
    const stopped = process(id);
    await expect.poll(async () => (await run(id)).status).toBe('running');
    await gateway.app.get(Database).platform.query("UPDATE evaluation_runs SET heartbeat_at = now() - interval '21 seconds' WHERE id = $1", [id]);
    expect(await gateway.app.get(EvaluationLifecycle).reconcile()).toBeGreaterThan(0);
    expect(await run(id)).toMatchObject({ status: 'queued', attempt: 1 });
    before = () => Promise.resolve();
    await Promise.all([process(id), process(id)]);
    expect(await run(id)).toMatchObject({ status: 'succeeded', attempt: 2 });
    gate.emit('open');
    await stopped;
    expect(await samplesOf(id)).toHaveLength(ITEMS);
    expect(await run(id)).toMatchObject({ status: 'succeeded', attempt: 2, done: ITEMS });
  });

  it('puts a run on the queue again whose message was lost, and gives up on one that loses its workers', async () => {
    const { id } = await start({});
    const database = gateway.app.get(Database).platform;
    const messages = async () => Number((await database.query("SELECT count(*) FROM outbox WHERE payload->>'runId' = $1", [id]))[0].count);
    expect(await messages()).toBe(1);
    await database.query("UPDATE evaluation_runs SET enqueued_at = now() - interval '31 seconds' WHERE id = $1", [id]);
    await Promise.all([gateway.app.get(EvaluationLifecycle).reconcile(), gateway.app.get(EvaluationLifecycle).reconcile()]);
    expect(await messages()).toBe(2);
    await database.query("UPDATE evaluation_runs SET status = 'running', lost_attempts = 3, heartbeat_at = now() - interval '1 minute' WHERE id = $1", [id]);
    await gateway.app.get(EvaluationLifecycle).reconcile();
    expect(await run(id)).toMatchObject({ status: 'failed', failure: { code: 'lost' } });
  });

  it('cancels a queued run at once and a running one with its next answer', async () => {
    const cancel = (id: string) => gateway.graphql('mutation ($id: ID!) { cancelEvaluation(id: $id) { status } }', { id });
    const queued = await start({});
    expect(await cancel(queued.id)).toEqual({ cancelEvaluation: { status: 'cancelled' } });
    await process(queued.id);
    expect(await run(queued.id)).toMatchObject({ status: 'cancelled', attempt: 0 });
    const running = await start({});
    before = async (request) => { if (numberOf(request.messages) === 20) await cancel(running.id); };
    await process(running.id);
    before = () => Promise.resolve();
    expect(await run(running.id)).toMatchObject({ status: 'cancelled', gold: null });
  });

  it('fails with the words of what went wrong, and emits the event', async () => {
    const breakGrader = (reference: string) => gateway.app.get(Database).platform.query('UPDATE evaluation_suites SET grader = grader || $1::jsonb WHERE name = $2', [JSON.stringify({ reference }), 'open']);
    const { id } = await start({});
    await breakGrader('{{item.gone}}');
    await process(id);
    await breakGrader(grader.reference);
    expect(await run(id)).toMatchObject({ status: 'failed', failure: { code: 'bad_data', message: expect.stringContaining('{{item.gone}}') } });
    expect(await gateway.app.get(Database).platform.query("SELECT type, data FROM events WHERE data->>'id' = $1", [id])).toEqual([{ type: 'evaluation.failed', data: { id, code: 'bad_data' } }]);
  });

  it('tells progress over a WebSocket until the run is over', async () => {
    const { id } = await start({});
    const client = createClient({ url: `${gateway.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, connectionParams: { Authorization: `Bearer ${gateway.key}` } });
    const seen: { status: string; done: number }[] = [];
    let processing: Promise<void> | null = null;
    for await (const { data, errors } of client.iterate<{ evaluationRunProgress: { status: string; done: number } }>({ query: 'subscription ($id: ID!) { evaluationRunProgress(id: $id) { status items done gold { value } } }', variables: { id } })) {
      expect(errors).toBeUndefined();
      seen.push(data!.evaluationRunProgress);
      processing ??= process(id);
    }
    await processing;
    const unknown = await client.iterate({ query: 'subscription { evaluationRunProgress(id: "eval_none") { done } }' }).next();
    expect(unknown.value).toMatchObject({ errors: [{ extensions: { code: 'not_found' } }] });
    expect(seen[0]).toMatchObject({ status: 'queued', done: 0 });
    expect(seen.at(-1)).toMatchObject({ status: 'succeeded', done: ITEMS, gold: { value: 0.25 } });
    expect(seen.map(({ done }) => done)).toEqual(seen.map(({ done }) => done).sort((a, b) => a - b));
    await client.dispose();
  });

  it.each([
    ['an unknown suite', { suite: 'none' }, 'not_found'],
    ['items that need a prompt', { prompt: null }, 'bad_input'],
    ['a prompt whose variables the items lack', { prompt: 'prompts:/other' }, 'undefined_variable'],
    ['a reward model as the one that answers', { model: 'models:/judge' }, 'bad_input'],
    ['a policy as reward model', { rewardModel: 'models:/weak' }, 'bad_input'],
    ['no answers', { sampling: { n: 0 } }, 'bad_input'],
  ])('refuses at once %s', async (_, input, code) => {
    await gateway.graphql('mutation ($input: CreatePromptVersionInput!) { createPromptVersion(input: $input) { version } }',
      { input: { name: 'other', messages: [{ role: 'user', content: '{{colour}}' }], labels: ['production'] } });
    await expect(start(input)).rejects.toMatchObject({ code });
  });

  it.each([
    ['a reward as gold', { grader: { type: 'length', input: '{{sample.output_text}}', per: 1 } }, 'bad_input'],
    ['a grader that is none', { grader: { type: 'string_check' } }, 'bad_input'],
    ['a column that is missing', { grader: { ...grader, reference: '{{item.answer}}' } }, 'bad_data'],
    ['a name that is taken for other items', { name: 'open', dataset: 'datasets:/sealed-items' }, 'conflict'],
    ['a name that is taken for another grader', { name: 'open', grader: { ...grader, operation: 'ne' } }, 'conflict'],
  ])('refuses a suite with %s', async (_, input, code) => {
    await expect(gateway.graphql(SUITE, { input: { name: 'new', dataset: 'datasets:/open-items', grader, ...input } })).rejects.toMatchObject({ code });
  });

  it('scores conversations, in order', async () => {
    const score = (rewardModel: string, key?: string) => gateway.graphql('mutation ($input: ScoreAnswersInput!) { scoreAnswers(input: $input) }', {
      input: { rewardModel, conversations: ['yes', 'no', 'yes'].map((content) => ({ messages: [{ role: 'user', content: '?' }, { role: 'assistant', content }] })) },
    }, key);
    expect(await score('models:/judge')).toEqual({ scoreAnswers: [2.5, -1, 2.5] });
    await expect(score('models:/weak')).rejects.toMatchObject({ code: 'bad_input' });
    await expect(score('models:/judge', gateway.otherKey)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('answers another tenant as if there were no such run or suite', async () => {
    const id = await finish({});
    for (const [query, variables] of [
      [RUN, { id }], [COMPARE, { baseline: id, runs: [id] }], [FROM_RUN, { input: { runId: id, name: 'x', select: 'best_by_gold' } }],
      ['query { evaluationSuite(name: "open") { id } }', {}], ['mutation ($id: ID!) { cancelEvaluation(id: $id) { id } }', { id }],
    ] as const) {
      await expect(gateway.graphql(query, variables, gateway.otherKey)).rejects.toMatchObject({ code: 'not_found' });
    }
    expect((await gateway.graphql('{ evaluationRuns { nodes { id } } }', {}, gateway.otherKey))['evaluationRuns'].nodes).toEqual([]);
  });
});
