import { EventEmitter, once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createJob, prepareTraining, sftInput } from '../helpers/fine-tune.js';
import type { Gateway } from '../helpers/gateway.js';
import { type Installation, prepareEvaluation, startEvaluation, startInstallation } from '../helpers/installation.js';
import { type OpenAiFake, startOpenAiFake } from '../helpers/openai-fake.js';
import { build, type ServiceProcess, type WorkerProcess } from '../helpers/worker-process.js';

const ITEMS = 10;
/** How long Redis is away: with TRIAD_FAULTS=full as the matrix has it, else past every time limit on it. */
const AWAY_MS = process.env['TRIAD_FAULTS'] === 'full' ? 60_000 : 12_000;
const RECOVERED = { timeout: 60_000, interval: 100 };
const STEPS = 300;

describe('Postgres or Redis away', () => {
  let triad: Installation;
  let fake: OpenAiFake;
  let api: ServiceProcess;
  let worker: WorkerProcess;
  const gate = new EventEmitter().setMaxListeners(0);
  let shut = false;

  const runs = (ids: string[]) => triad.sql<{ id: string; status: string; attempt: number; done: number }>('SELECT id, status, attempt, done FROM evaluation_runs WHERE id = ANY($1) ORDER BY id', [ids]);
  /** Each has run to its end, and once. */
  const expectDoneOnce = async (ids: string[]) => {
    const expected = ids.toSorted().map((id) => ({ id, status: 'succeeded', attempt: 1, done: ITEMS }));
    await expect.poll(() => runs(ids), RECOVERED).toEqual(expected);
  };
  const ready = () => triad.fetch('/health/ready').then((response) => response.status, () => 0);

  beforeAll(async () => {
    build();
    fake = await startOpenAiFake({ served: [{ id: 'm' }], answer: () => 'yes', before: async () => { if (shut) await once(gate, 'open'); } });
    const runtime = fake.url.replace('/v1', '');
    triad = await startInstallation({ TRIAD_RUNTIME_URL: runtime, TRIAD_SCORER_URL: runtime });
    api = await triad.startApi();
    worker = await triad.startWorker();
    await prepareEvaluation(triad, ITEMS);
  });
  afterEach(() => {
    expect([api.runs(), worker.runs()]).toEqual([true, true]);
  });
  afterAll(async () => {
    await triad.stop();
    await fake.stop();
  });

  it('#3 Redis wiped: all runs that are not over are queued again, and none runs twice', async () => {
    shut = true;
    const from = fake.seen.length;
    const ids = [await startEvaluation(triad), await startEvaluation(triad), await startEvaluation(triad)];
    await expect.poll(async () => (await runs(ids)).map(({ status }) => status).sort(), RECOVERED).toEqual(['queued', 'queued', 'running']);
    await expect.poll(() => triad.sql('SELECT id FROM outbox WHERE dispatched_at IS NULL'), RECOVERED).toEqual([]);
    await triad.services.wipeRedis();
    shut = false;
    gate.emit('open');
    await expectDoneOnce(ids);
    expect(fake.seen.slice(from).filter(({ path }) => path === '/v1/chat/completions')).toHaveLength(ids.length * ITEMS);
  });

  it('#4 a Redis that may evict keys: readiness says so', async () => {
    await triad.services.redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const response = await triad.fetch('/health/ready');
    expect(response.status).toBe(503);
    expect(await response.text()).toContain('noeviction');
    await triad.services.redis.config('SET', 'maxmemory-policy', 'noeviction');
    expect(await ready()).toBe(200);
  });

  it('#5 Redis frozen: commands are accepted through the outbox, reads work, readiness answers; then all is done once', async () => {
    triad.services.freezeRedis();
    const ids: string[] = [];
    const over = wait(AWAY_MS).then(() => true);
    while (!(await Promise.race([over, wait(AWAY_MS / 10, false)]))) {
      ids.push(await startEvaluation(triad));
      const { evaluationRun } = await triad.graphql('query ($id: ID!) { evaluationRun(id: $id) { status } }', { id: ids.at(-1) });
      expect(evaluationRun.status).toBe('queued');
    }
    expect(ids.length).toBeGreaterThan(5);
    expect(await ready()).toBe(503);
    triad.services.thawRedis();
    await expectDoneOnce(ids);
    await expect.poll(ready, RECOVERED).toBe(200);
  });

  it('#6 Postgres ended at once: 503, then recovery; the trainer goes on and its metrics are filled in', async () => {
    const gateway = triad as unknown as Gateway;
    await prepareTraining(gateway);
    const id = await createJob(gateway, sftInput(STEPS));
    const stored = async () => (await triad.sql<{ step: number }>("SELECT DISTINCT (data->>'step')::int AS step FROM fine_tune_events WHERE job_id = $1 AND type = 'metrics' ORDER BY 1", [id])).map(({ step }) => step);
    await expect.poll(async () => (await stored()).length, RECOVERED).toBeGreaterThan(3);
    const spool = join(triad.home, 'runs', id, 'attempt-1', 'spool', 'events.jsonl');
    const spooled = () => (existsSync(spool) ? readFileSync(spool, 'utf8').split('\n').length : 0);

    await triad.services.stopPostgres();
    const before = spooled();
    const [rest, graphql, health] = await Promise.all([triad.fetch('/v1/files'), triad.graphql('{ evaluationSuite(name: "s") { name } }').catch(String), ready()]);
    expect(rest.status).toBe(503);
    expect(await rest.json()).toMatchObject({ error: { code: 'unavailable' } });
    expect(graphql).toContain('unavailable');
    expect(health).toBe(503);
    await expect.poll(spooled, RECOVERED).toBeGreaterThan(before + 5);
    await triad.services.startPostgres();

    await expect.poll(ready, RECOVERED).toBe(200);
    expect((await triad.fetch('/v1/files')).status).toBe(200);
    await expect.poll(async () => (await triad.sql('SELECT status, attempt FROM fine_tune_jobs WHERE id = $1', [id]))[0], { timeout: 300_000, interval: 200 }).toEqual({ status: 'succeeded', attempt: 1 });
    expect(await stored()).toEqual(Array.from({ length: STEPS }, (_, index) => index + 1));
    const evaluation = await startEvaluation(triad);
    await expectDoneOnce([evaluation]);
  });
});
