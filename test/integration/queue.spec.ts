import { Test } from '@nestjs/testing';
import { Queue } from 'bullmq';
import { IsNull } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RequestContext } from '../../src/common/request-context.js';
import { Database } from '../../src/database/database.js';
import { Notifications } from '../../src/database/notifications.js';
import { HandlesJob } from '../../src/queue/handles-job.js';
import { type JobName, JOBS } from '../../src/queue/jobs.js';
import { Outbox } from '../../src/queue/outbox.js';
import { OutboxEntity } from '../../src/queue/outbox.entity.js';
import { OutboxRelay } from '../../src/queue/outbox-relay.js';
import { Queues } from '../../src/queue/queues.js';
import { WorkerHost } from '../../src/queue/worker-host.js';
import { DiscoveryModule } from '@nestjs/core';
import { type Gateway, startGateway } from '../helpers/gateway.js';

describe('outbox', () => {
  let gateway: Gateway;
  let queue: Queue;
  const ctx = RequestContext.forJob('proj_test', 'test');
  beforeAll(async () => {
    gateway = await startGateway();
    queue = new Queue('fine-tune', { connection: { url: process.env['REDIS_URL']! }, prefix: 'triad' });
  });
  beforeEach(async () => { await queue.obliterate({ force: true }); });
  afterAll(async () => {
    await queue.close();
    await gateway.stop();
  });

  const enqueue = (jobId: string, fail = false) => gateway.app.get(Database).transaction(ctx, async (tx) => {
    await gateway.app.get(Outbox).enqueue(tx, 'fine-tune.run', { jobId });
    if (fail) throw new Error('rolled back');
  });
  const relay = () => gateway.app.get(OutboxRelay).relayBatch();
  const queued = async () => (await queue.getJobs(['waiting', 'prioritized'])).map((job) => job.data.jobId).sort();

  it('leaves with the transaction, or not at all', async () => {
    await enqueue('a');
    await expect(enqueue('b', true)).rejects.toThrow('rolled back');
    expect(await relay()).toBe(1);
    expect(await queued()).toEqual(['a']);
  });

  it('puts each row on the queue once when several relays run', async () => {
    await Promise.all(Array.from({ length: 30 }, (_, index) => enqueue(`job-${index}`)));
    const moved = await Promise.all([relay(), relay(), relay(), relay()]);
    expect(moved.reduce((sum, n) => sum + n)).toBe(30);
    expect(new Set(await queued()).size).toBe(30);
    expect(await queue.count()).toBe(30);
  });

  it('keeps the order of an aggregate when several relays run', async () => {
    for (let index = 0; index < 20; index += 1) await enqueue(`job-${index % 3}`);
    let moved = 0;
    while (moved < 20) moved += (await Promise.all([relay(), relay(), relay()])).reduce((sum, n) => sum + n);
    const jobs = (await queue.getJobs(['waiting'], 0, -1, true)).map((job) => ({ aggregate: job.data.jobId, row: Number(job.id!.slice('outbox-'.length)) }));
    expect(jobs).toHaveLength(20);
    for (const aggregate of ['job-0', 'job-1', 'job-2']) {
      const rows = jobs.filter((job) => job.aggregate === aggregate).map(({ row }) => row);
      expect(rows).toEqual(rows.toSorted((a, b) => a - b));
    }
  });

  it('takes no later row of an aggregate while another relay holds an earlier one', async () => {
    for (const jobId of ['held', 'held', 'free']) await enqueue(jobId);
    await gateway.app.get(Database).platform.transaction(async (other) => {
      const [first] = await other.find(OutboxEntity, { where: { dispatchedAt: IsNull() }, order: { id: 'ASC' }, take: 1, lock: { mode: 'pessimistic_write' } });
      expect(first!.aggregate).toBe('held');
      expect([await relay(), await relay()]).toEqual([1, 0]);
      expect(await queued()).toEqual(['free']);
    });
    expect([await relay(), await relay(), await relay()]).toEqual([1, 1, 0]);
    expect(await queued()).toEqual(['free', 'held', 'held']);
  });

  it('leaves to a newer version the jobs that it does not know', async () => {
    await enqueue('of tomorrow');
    const { platform } = gateway.app.get(Database);
    await platform.query("UPDATE outbox SET job = 'tomorrow.run' WHERE dispatched_at IS NULL");
    expect(await relay()).toBe(0);
    await platform.query("UPDATE outbox SET job = 'fine-tune.run' WHERE dispatched_at IS NULL");
    expect(await relay()).toBe(1);
  });

  it('forgets what was dispatched a day ago, and nothing else', async () => {
    await enqueue('old');
    await relay();
    await enqueue('waits');
    const { platform } = gateway.app.get(Database);
    await platform.query("UPDATE outbox SET dispatched_at = now() - interval '25 hours' WHERE aggregate = 'old'");
    const before = await platform.count(OutboxEntity);
    await gateway.app.get(OutboxRelay).trim();
    expect(await platform.count(OutboxEntity)).toBe(before - 1);
    expect(await platform.countBy(OutboxEntity, { aggregate: 'old' })).toBe(0);
    expect(await relay()).toBe(1);
  });

  it('keeps rows that could not be relayed', async () => {
    await enqueue('kept');
    const queues = gateway.app.get(Queues);
    const add = queues.addAll.bind(queues);
    queues.addAll = () => Promise.reject(new Error('Redis is away'));
    await expect(relay()).rejects.toThrow('Redis is away');
    queues.addAll = add;
    expect(await relay()).toBe(1);
    expect(await queued()).toEqual(['kept']);
  });

  it('refuses a payload that is not ids of the job, and work outside a transaction', async () => {
    const outbox = gateway.app.get(Outbox);
    await expect(outbox.enqueue(ctx, 'fine-tune.run', { jobId: 'x' })).rejects.toThrow('needs a transaction');
    await expect(gateway.app.get(Database).transaction(ctx, (tx) => outbox.enqueue(tx, 'fine-tune.run', { wrong: 'x' }))).rejects.toThrow();
    expect(await gateway.app.get(Database).platform.countBy(OutboxEntity, { dispatchedAt: IsNull() })).toBe(0);
  });

  it('wakes a watcher when the transaction commits, and not before', async () => {
    const abort = new AbortController();
    const wakes = gateway.app.get(Notifications).watch('topic', abort.signal);
    await wakes.next(); // the first look
    const woken = wakes.next();
    let seen = false;
    void woken.then(() => { seen = true; });
    await gateway.app.get(Database).transaction(ctx, async (tx) => {
      await gateway.app.get(Notifications).notify(tx.tx!, 'topic');
      await tx.tx!.query('SELECT pg_sleep(0.2)');
      expect(seen).toBe(false);
    });
    await woken;
    abort.abort();
    expect(await wakes.next()).toMatchObject({ done: true });
  });
});

describe('worker host', () => {
  class None {}
  class Every {
    @HandlesJob('fine-tune.run') a() {}
    @HandlesJob('evaluation.run') b() {}
    @HandlesJob('webhook.fan-out') c() {}
    @HandlesJob('webhook.deliver') d() {}
  }
  class Again {
    @HandlesJob('webhook.deliver') d() {}
  }
  const hostWith = async (...providers: (new () => object)[]) => {
    const stub = (token: unknown) => ({ provide: token as never, useValue: {} });
    const module = await Test.createTestingModule({ imports: [DiscoveryModule], providers: [WorkerHost, stub(Queues), stub(OutboxRelay), ...providers] }).compile();
    return module.get(WorkerHost);
  };

  it('refuses to start when a job has no handler, naming it', async () => {
    const host = await hostWith(None);
    for (const name of Object.keys(JOBS) as JobName[]) expect(() => host.start()).toThrow(name);
  });

  it('refuses to start when a job has two handlers', async () => {
    const host = await hostWith(Every, Again);
    expect(() => host.start()).toThrow('webhook.deliver has two handlers');
  });
});
