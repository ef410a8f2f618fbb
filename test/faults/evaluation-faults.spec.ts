import { EventEmitter, once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../src/database/database.js';
import { Outbox } from '../../src/queue/outbox.js';
import { prepareEvaluation } from '../helpers/installation.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { type OpenAiFake, startOpenAiFake } from '../helpers/openai-fake.js';
import { contextOf } from '../helpers/stub-model.js';
import { build, startWorker, type WorkerProcess } from '../helpers/worker-process.js';

const ITEMS = 30;
/** The fake runtime holds back what is asked of it after so many answers, until the gate opens. */
const BEFORE_FAULT = 12;
/** Twice BullMQ's lockDuration. */
const RECOVERED = { timeout: 60_000, interval: 200 };

describe('faults while an evaluation runs', () => {
  let fake: OpenAiFake;
  let gateway: Gateway;
  let answered = 0;
  const gate = new EventEmitter().setMaxListeners(0);
  let workers: WorkerProcess[] = [];

  const worker = async () => {
    const started = await startWorker();
    workers.push(started);
    return started;
  };
  const run = async (id: string) => (await gateway.graphql('query ($id: ID!) { evaluationRun(id: $id) { status attempt done gold { value } samples(first: 500) { nodes { item } } } }', { id }))['evaluationRun'];
  const start = async () => {
    answered = 0;
    const { startEvaluation } = await gateway.graphql('mutation { startEvaluation(input: { suite: "s", model: "models:/m" }) { id } }');
    return startEvaluation.id as string;
  };
  const openGate = () => {
    answered = Number.NEGATIVE_INFINITY;
    gate.emit('open');
  };
  const expectWhole = async (id: string, attempt: number) => {
    await expect.poll(async () => (await run(id)).status, RECOVERED).toBe('succeeded');
    const done = await run(id);
    expect(done).toMatchObject({ attempt, done: ITEMS, gold: { value: 1 } });
    expect(done.samples.nodes.map((sample: { item: number }) => sample.item)).toEqual(Array.from({ length: ITEMS }, (_, item) => item));
  };
  const askedSince = (from: number) => fake.seen.slice(from).filter(({ path }) => path === '/v1/chat/completions').length;

  beforeAll(async () => {
    build();
    fake = await startOpenAiFake({
      served: [{ id: 'm' }],
      answer: () => 'yes',
      before: async () => { if ((answered += 1) > BEFORE_FAULT) await once(gate, 'open'); },
    });
    const url = fake.url.replace('/v1', '');
    gateway = await startGateway({ env: { TRIAD_RUNTIME_URL: url, TRIAD_SCORER_URL: url } });
    await prepareEvaluation(gateway, ITEMS);
  });
  afterEach(async () => {
    openGate();
    await Promise.all(workers.map((each) => each.end('SIGKILL')));
    workers = [];
  });
  afterAll(async () => {
    await gateway.stop();
    await fake.stop();
  });

  it.each([['#1', 'SIGKILL'], ['#31', 'SIGTERM']] as const)('%s finishes after a worker got %s, asking nothing again that is answered', async (_row, signal) => {
    const id = await start();
    const first = await worker();
    await expect.poll(async () => (await run(id)).done, RECOVERED).toBe(BEFORE_FAULT);
    await first.end(signal);
    openGate();
    const from = fake.seen.length;
    await worker();
    await expectWhole(id, 2);
    expect(askedSince(from)).toBe(ITEMS - BEFORE_FAULT);
  });

  it('#7 two workers that claim one run at the same moment: one has it, and nothing is asked twice', async () => {
    const id = await start();
    openGate();
    const from = fake.seen.length;
    const ctx = await contextOf(gateway);
    const database = gateway.app.get(Database);
    await database.transaction(ctx, (tx) => gateway.app.get(Outbox).enqueue(tx, 'evaluation.run', { runId: id }));
    const claims = () => database.platform.query(
      "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'UPDATE \"evaluation_runs\"%'");
    await database.platform.transaction(async (barrier) => {
      await barrier.query('SELECT FROM evaluation_runs WHERE id = $1 FOR UPDATE', [id]);
      await Promise.all([worker(), worker()]);
      await expect.poll(claims, RECOVERED).toHaveLength(2);
    });
    await expectWhole(id, 1);
    expect(askedSince(from)).toBe(ITEMS);
  });

  it('#8 refuses the late answers of a worker that was stopped past its lock and went on', async () => {
    const id = await start();
    const first = await worker();
    await expect.poll(async () => (await run(id)).done, RECOVERED).toBe(BEFORE_FAULT);
    first.process.kill('SIGSTOP');
    await worker();
    await expect.poll(async () => (await run(id)).attempt, RECOVERED).toBe(2);
    if (process.env['TRIAD_FAULTS'] === 'full') await wait(90_000);
    openGate();
    await expectWhole(id, 2);
    first.process.kill('SIGCONT');
    await first.end('SIGTERM'); // waits for its handlers, which try to store what came late
    await expectWhole(id, 2);
  });
});
