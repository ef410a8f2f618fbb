import { Queue } from 'bullmq';
import { EventEmitter, once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Database } from '../../src/database/database.js';
import { EventService } from '../../src/webhooks/event.service.js';
import { prepareEvaluation } from '../helpers/installation.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { type OpenAiFake, startOpenAiFake } from '../helpers/openai-fake.js';
import { contextOf } from '../helpers/stub-model.js';
import { build, startWorker, type WorkerProcess } from '../helpers/worker-process.js';

const HOUR = 3_600_000;
/** Longer than the silence after which a run is taken from its worker. */
const PAST_LEASE_SECONDS = 25;
const ITEMS = 3;
/** Which clocks a dead worker and its rescuer have, and those of the workers that deliver: one pair unless TRIAD_FAULTS=full. */
const FULL = process.env['TRIAD_FAULTS'] === 'full';
const PAIRS: [holder: number, rescuer: number][] = [[-HOUR, HOUR], [HOUR, 0], [0, -HOUR]];
const TAKEOVERS = FULL ? PAIRS : PAIRS.slice(0, 1);
const DELIVERERS = [[HOUR, 0, -HOUR], ...(FULL ? [[HOUR], [-HOUR]] : [])];
const PATIENTLY = { timeout: 120_000, interval: 200 };

/** Number 29: a worker whose clock is an hour off beside one whose clock is right. Leases and schedules follow Postgres. */
describe('#29 faults of clocks', () => {
  let fake: OpenAiFake;
  let gateway: Gateway;
  let workers: WorkerProcess[] = [];
  const gate = new EventEmitter().setMaxListeners(0);
  let gateOpen = false;

  const worker = async (shift: number) => {
    const NODE_OPTIONS = `--import=${pathToFileURL(resolve('test/helpers/shifted-clock.mjs')).href}`;
    const started = await startWorker(shift === 0 ? {} : { NODE_OPTIONS, TRIAD_TEST_CLOCK_SHIFT_MS: String(shift) });
    workers.push(started);
    return started;
  };
  const sql = (query: string, parameters: unknown[] = []): Promise<any[]> => gateway.app.get(Database).platform.query(query, parameters);
  const start = async (): Promise<string> => (await gateway.graphql('mutation { startEvaluation(input: { suite: "s", model: "models:/m" }) { id } }'))['startEvaluation'].id;
  const run = async (id: string) => (await gateway.graphql('query ($id: ID!) { evaluationRun(id: $id) { status attempt done } }', { id }))['evaluationRun'];
  const openGate = () => {
    gateOpen = true;
    gate.emit('open');
  };
  /** Waits until the run has been at work for longer than a silent worker may keep it, and is still. */
  const outlivesLease = async (id: string) => {
    await expect.poll(async () => (await sql('SELECT extract(epoch FROM heartbeat_at - started_at)::float8 AS held FROM evaluation_runs WHERE id = $1', [id]))[0].held, PATIENTLY)
      .toBeGreaterThan(PAST_LEASE_SECONDS);
    expect(await run(id)).toMatchObject({ status: 'running', attempt: 1 });
  };

  beforeAll(async () => {
    build();
    fake = await startOpenAiFake({ served: [{ id: 'm' }], answer: () => 'yes', before: async () => { if (!gateOpen) await once(gate, 'open'); } });
    const url = fake.url.replace('/v1', '');
    gateway = await startGateway({ env: { TRIAD_RUNTIME_URL: url, TRIAD_SCORER_URL: url } });
    await prepareEvaluation(gateway, ITEMS);
  });
  afterEach(async () => {
    openGate();
    await Promise.all(workers.map((each) => each.end('SIGKILL')));
    workers = [];
    gateOpen = false;
  });
  afterAll(async () => {
    await gateway.stop();
    await fake.stop();
  });

  it('the workers are where they say: their clocks are wrong', async () => {
    const shifted = await worker(HOUR);
    const id = await start();
    await expect.poll(async () => (await run(id)).status, PATIENTLY).toBe('running');
    const queue = new Queue('evaluation', { connection: { url: process.env['REDIS_URL']! }, prefix: 'triad' });
    const [job] = await queue.getJobs(['active']);
    expect(job!.processedOn! - Date.now()).toBeGreaterThan(HOUR / 2);
    await queue.close();
    openGate();
    await expect.poll(async () => (await run(id)).status, PATIENTLY).toBe('succeeded');
    await shifted.end('SIGTERM');
  });

  it('three clocks, three runs: no worker takes a run from another', async () => {
    const ids = [await start(), await start(), await start()];
    for (const shift of [HOUR, 0, -HOUR]) await worker(shift);
    await Promise.all(ids.map(outlivesLease)); // each worker runs one at a time, so each has one
    openGate();
    for (const id of ids) await expect.poll(() => run(id), PATIENTLY).toMatchObject({ status: 'succeeded', attempt: 1, done: ITEMS });
  });

  it.each(TAKEOVERS)('a run of a dead worker (clock: %i ms) is taken over by another (%i ms)', async (holder, rescuer) => {
    const id = await start();
    const first = await worker(holder);
    await expect.poll(async () => (await run(id)).status, PATIENTLY).toBe('running');
    await worker(rescuer);
    await first.end('SIGKILL');
    openGate();
    await expect.poll(() => run(id), PATIENTLY).toMatchObject({ status: 'succeeded', attempt: 2, done: ITEMS });
  });

  describe('webhooks', () => {
    let receiver: Server;
    let url: string;
    /** When each attempt came, by timers. */
    let arrivals: number[] = [];
    /** How far off the signature's time was, by the clock of this process, in seconds. */
    let skews: number[] = [];
    beforeAll(async () => {
      receiver = createServer((request, response) => {
        arrivals.push(performance.now());
        skews.push(Math.abs(Number(request.headers['webhook-timestamp']) - Date.now() / 1000));
        request.resume().on('end', () => response.writeHead(arrivals.length === 1 ? 500 : 200).end());
      }).listen(0, '127.0.0.1');
      await once(receiver, 'listening');
      url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    });
    afterAll(() => { receiver.close(); });

    it.each(DELIVERERS.map((shifts) => [shifts]))('are tried again after five seconds, not before and not never, by workers of clocks %j', async (shifts) => {
      [arrivals, skews] = [[], []];
      const ctx = await contextOf(gateway);
      const { createWebhookEndpoint: { endpoint } } = await gateway.graphql('mutation ($url: String!) { createWebhookEndpoint(url: $url, eventTypes: ["fine_tuning.job.cancelled"]) { endpoint { id } } }', { url });
      for (const shift of shifts) await worker(shift);
      await gateway.app.get(Database).transaction(ctx, (tx) => gateway.app.get(EventService).emit(tx, 'fine_tuning.job.cancelled', { id: 'ftjob_1' }));
      const delivery = async () => (await sql('SELECT status, attempts FROM webhook_deliveries WHERE endpoint_id = $1', [endpoint.id]))[0];
      await expect.poll(delivery, PATIENTLY).toMatchObject({ status: 'delivered', attempts: [{ status: 500 }, { status: 200 }] });
      expect(arrivals).toHaveLength(2);
      expect(arrivals[1]! - arrivals[0]!).toBeGreaterThan(3_900); // a message may come a second before its time
      expect(Math.max(...skews)).toBeLessThan(300); // or Standard Webhooks' receivers would refuse it
      await gateway.graphql('mutation ($id: ID!) { disableWebhookEndpoint(id: $id) { id } }', { id: endpoint.id });
    });

    it('wait on their queue for as long as Postgres says, whatever the relay thinks the time is', async () => {
      [arrivals, skews] = [[], []];
      const ctx = await contextOf(gateway);
      const queue = new Queue('webhook', { connection: { url: process.env['REDIS_URL']! }, prefix: 'triad' });
      await queue.obliterate({ force: true });
      const { createWebhookEndpoint: { endpoint } } = await gateway.graphql('mutation ($url: String!) { createWebhookEndpoint(url: $url, eventTypes: []) { endpoint { id } } }', { url });
      await worker(-HOUR);
      await gateway.app.get(Database).transaction(ctx, (tx) => gateway.app.get(EventService).emit(tx, 'fine_tuning.job.cancelled', { id: 'ftjob_1' }));
      await vi.waitUntil(() => arrivals.length === 2, PATIENTLY);
      const delays = (await queue.getJobs()).map((job) => job.opts.delay ?? 0).filter((delay) => delay > 0);
      expect(delays).toEqual([expect.any(Number)]);
      expect(delays[0]).toBeLessThanOrEqual(5_500);
      await queue.close();
      await gateway.graphql('mutation ($id: ID!) { disableWebhookEndpoint(id: $id) { id } }', { id: endpoint.id });
    });
  });
});
