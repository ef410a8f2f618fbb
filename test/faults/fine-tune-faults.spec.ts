import { Redis } from 'ioredis';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Database } from '../../src/database/database.js';
import { ModelVersionEntity } from '../../src/models/model.entity.js';
import { createJob, type JobEvent, prepareTraining, readJob, sftInput, untilEvent, untilOver } from '../helpers/fine-tune.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { build, startWorker, untilGone, type WorkerProcess } from '../helpers/worker-process.js';

const STEPS = 120;
const EVERY = 10;
/** Seeded with TRIAD_FAULTS_SEED; one of them unless TRIAD_FAULTS=full. */
const random = xoroshiro128plus(Number(process.env['TRIAD_FAULTS_SEED'] ?? 1));
const KILLED_AT = Array.from({ length: process.env['TRIAD_FAULTS'] === 'full' ? 4 : 1 }, () => uniformInt(random, EVERY + 1, STEPS - EVERY));
const input = sftInput(STEPS, { checkpointEverySteps: EVERY });
const atStep = (step: number) => (event: JobEvent) => event.type === 'metrics' && event.data['step'] >= step;

describe('faults while a job trains', () => {
  let gateway: Gateway;
  /** SHA-256 of what the job makes when nothing goes wrong. */
  let undisturbed: string;
  let workers: WorkerProcess[] = [];
  const endWorkers = async () => {
    await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
    workers = [];
  };

  const start = async (env: Record<string, string> = {}) => {
    const worker = await startWorker(env);
    workers.push(worker);
    return worker;
  };
  /** The job ends well, with the very bytes of an undisturbed run, and is registered once. */
  const expectSameResult = async (id: string, attempt: number) => {
    const job = await untilOver(gateway, id);
    expect(job, JSON.stringify(job.events.nodes.slice(-8))).toMatchObject({ status: 'succeeded', attempt, step: STEPS, modelVersion: { artefact: { sha256: undisturbed } } });
    expect(job.metrics.map((point: { step: number }) => point.step)).toEqual(Array.from({ length: STEPS }, (_, index) => index + 1));
    expect(await gateway.app.get(Database).platform.countBy(ModelVersionEntity, { jobId: id })).toBe(1);
    return job;
  };
  const resumedFrom = (job: { events: { nodes: JobEvent[] } }) => job.events.nodes.filter((event) => event.type === 'started').map((event) => event.data['resumedFromStep']);

  beforeAll(async () => {
    build();
    gateway = await startGateway();
    await prepareTraining(gateway);
    await start();
    const job = await untilOver(gateway, await createJob(gateway, input));
    expect(job).toMatchObject({ status: 'succeeded', attempt: 1 });
    undisturbed = job.modelVersion.artefact.sha256;
    await endWorkers();
  });
  afterEach(endWorkers);
  afterAll(() => gateway.stop());

  it.each(KILLED_AT)('#1 kill -9 of the worker at step %i: another goes on from the checkpoint, and no trainer is left over, at work or warm', async (killAt) => {
    const worker = await start({ TRIAD_WARM_TRAINER: '1' });
    const [warm] = await vi.waitUntil(() => worker.trainers().length === 1 && worker.trainers(), { timeout: 20_000 });
    const id = await createJob(gateway, input);
    await untilEvent(gateway, id, atStep(killAt));
    const trainers = worker.trainers();
    expect(trainers).toEqual([warm, expect.any(Number)]);
    await worker.end('SIGKILL');
    await start();
    await untilGone(trainers);
    const [, resumed] = resumedFrom(await expectSameResult(id, 2));
    expect(resumed).toBeGreaterThanOrEqual(EVERY);
  });

  it('#1 the machine is lost and the newest checkpoint with it: the one before is gone on from', async () => {
    const worker = await start();
    const id = await createJob(gateway, input);
    await untilEvent(gateway, id, (event) => event.type === 'checkpoint' && event.data['step'] >= 2 * EVERY);
    const trainers = worker.trainers();
    process.kill(worker.pid, 'SIGSTOP'); // neither of the two may see the other end
    for (const pid of trainers) process.kill(pid, 'SIGKILL');
    await worker.end('SIGKILL');
    await untilGone(trainers);
    const steps = (await readJob(gateway, id)).checkpoints.map((checkpoint: { step: number }) => checkpoint.step);
    const directory = join(gateway.home, 'runs', id, 'attempt-1', 'checkpoints');
    const newest = Math.max(...readdirSync(directory).filter((name) => /^step-\d+$/.test(name)).map((name) => Number(name.slice(5))));
    const weights = join(directory, `step-${newest}`, 'adapter_model.safetensors');
    const bytes = readFileSync(weights);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(weights, bytes);
    await start();
    const [, resumed] = resumedFrom(await expectSameResult(id, 2));
    expect(resumed).toBe(newest - EVERY);
    expect(steps).toContain(newest - EVERY);
  });

  it('#1 kill -9 of the trainer: its worker goes on from the checkpoint at once', async () => {
    const worker = await start();
    const id = await createJob(gateway, input);
    await untilEvent(gateway, id, (event) => event.type === 'checkpoint');
    for (const pid of worker.trainers()) process.kill(pid, 'SIGKILL');
    const job = await expectSameResult(id, 2);
    expect(resumedFrom(job)[1]).toBeGreaterThanOrEqual(EVERY);
    expect(job.events.nodes).toContainEqual(expect.objectContaining({ type: 'log', data: expect.objectContaining({ message: expect.stringContaining('SIGKILL') }) }));
  });

  it('#31 SIGTERM: the worker waits for the checkpoint and hands the job back; another goes on from there', async () => {
    const worker = await start();
    const id = await createJob(gateway, input);
    const { data } = await untilEvent(gateway, id, atStep(EVERY + 5));
    const trainers = worker.trainers();
    await worker.end('SIGTERM');
    await untilGone(trainers, 1_000);
    const handedBack = await readJob(gateway, id);
    expect(handedBack).toMatchObject({ status: 'queued', attempt: 1, summary: { outcome: 'stopped' } });
    await start();
    const [, resumed] = resumedFrom(await expectSameResult(id, 2));
    expect(resumed).toBe(handedBack.step);
    expect(resumed).toBeGreaterThanOrEqual(data['step']);
  });

  it('#8 a worker that stands still past its time and then goes on: what it does is refused; cancelling ends the other\'s trainer', async () => {
    const still = await start();
    const id = await createJob(gateway, { ...input, hyperparameters: { ...input.hyperparameters, maxSteps: 100 * STEPS } });
    await untilEvent(gateway, id, atStep(5));
    const trainers = still.trainers();
    process.kill(still.pid, 'SIGSTOP');
    const other = await start();
    await untilEvent(gateway, id, (event) => event.attempt === 2 && event.type === 'metrics');
    process.kill(still.pid, 'SIGCONT');
    await untilGone(trainers);
    const [trainer] = other.trainers();
    await gateway.graphql('mutation ($id: ID!) { cancelFineTuneJob(id: $id) { id } }', { id });
    expect(await untilOver(gateway, id)).toMatchObject({ status: 'cancelled', attempt: 2, modelVersion: null, failure: null });
    await untilGone([trainer!]);
  });

  it('#3 Redis is wiped: jobs that wait are queued again, and each runs once', async () => {
    await start();
    const short = sftInput(2);
    const [running, waiting] = [await createJob(gateway, input), await createJob(gateway, short)];
    await untilEvent(gateway, running, (event) => event.type === 'started');
    const redis = new Redis(process.env['REDIS_URL']!);
    await redis.flushdb();
    await redis.quit();
    expect(await untilOver(gateway, running)).toMatchObject({ status: 'succeeded', attempt: 1 });
    expect(await untilOver(gateway, waiting)).toMatchObject({ status: 'succeeded', attempt: 1 });
  });
});
