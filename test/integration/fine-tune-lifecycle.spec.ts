import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RequestContext } from '../../src/common/request-context.js';
import { Database } from '../../src/database/database.js';
import { FineTuneJobEntity } from '../../src/fine-tune-jobs/fine-tune-job.entity.js';
import { type AttemptKey, type Claim, FineTuneJobLifecycle } from '../../src/fine-tune-jobs/fine-tune-job.lifecycle.js';
import { FineTuneJobReconciler } from '../../src/fine-tune-jobs/fine-tune-job.reconciler.js';
import { ModelVersionEntity } from '../../src/models/model.entity.js';
import { EventService } from '../../src/webhooks/event.service.js';
import { EventEntity } from '../../src/webhooks/webhook.entity.js';
import { createJob, prepareInputs, readJob, sftInput } from '../helpers/fine-tune.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { writeAdapter } from '../helpers/run-directory.js';
import { finished, numbered, postEvents } from '../helpers/run-events.js';
import { contextOf, registerStubModel } from '../helpers/stub-model.js';

describe('the life of a fine-tune job', () => {
  let gateway: Gateway;
  let ctx: RequestContext;
  let lifecycle: FineTuneJobLifecycle;
  let reconciler: FineTuneJobReconciler;

  beforeAll(async () => {
    gateway = await startGateway();
    ctx = await contextOf(gateway);
    lifecycle = gateway.app.get(FineTuneJobLifecycle);
    reconciler = gateway.app.get(FineTuneJobReconciler);
    await registerStubModel(gateway, 'tiny');
    await prepareInputs(gateway);
  });
  afterAll(() => gateway.stop());
  afterEach(() => vi.restoreAllMocks());

  const rows = () => gateway.app.get(Database).platform;
  const create = () => createJob(gateway, sftInput(6));
  const claim = async (id: string): Promise<Claim & { key: AttemptKey }> => {
    const claimed = await lifecycle.claim(ctx, id);
    return { ...claimed!, key: { id, projectId: ctx.projectId, attempt: claimed!.job.attempt } };
  };
  const read = (id: string) => rows().findOneByOrFail(FineTuneJobEntity, { id });
  const fallSilent = (id: string, seconds = 21) => rows().query(`UPDATE fine_tune_jobs SET heartbeat_at = now() - interval '${seconds} seconds' WHERE id = $1`, [id]);
  const messages = (id: string) => rows().query<unknown[]>('SELECT id FROM outbox WHERE payload->>\'jobId\' = $1', [id]);
  const announced = async (id: string) => (await rows().find(EventEntity)).filter(({ data }) => (data as { id: string }).id === id).map(({ type }) => type);
  const cancel = (id: string) => gateway.graphql('mutation ($id: ID!) { cancelFineTuneJob(id: $id) { status stopRequestedAt } }', { id });
  /** As a trainer that has finished its work would leave things. */
  const complete = async ({ token, key }: { token: string; key: AttemptKey }) => {
    const { manifest, directory } = await writeAdapter(gateway, key.id, key.attempt);
    const events = numbered([{ type: 'artefact', path: directory, kind: 'adapter', manifest }, finished()]);
    expect(await postEvents(gateway, key.id, token, key.attempt, events)).toMatchObject({ status: 200, body: { acknowledged: 2 } });
    return directory;
  };

  it('is queued with its message, or not at all', async () => {
    const id = await create();
    expect(await readJob(gateway, id)).toMatchObject({ status: 'queued', attempt: 0, step: 0, totalSteps: 6, modelVersion: null });
    expect(await messages(id)).toHaveLength(1);
  });

  it('goes to one of many that claim it at once', async () => {
    const id = await create();
    const claims = await Promise.all(Array.from({ length: 8 }, () => lifecycle.claim(ctx, id)));
    expect(claims.filter(Boolean)).toHaveLength(1);
    expect(await readJob(gateway, id)).toMatchObject({ status: 'running', attempt: 1 });
    expect(await lifecycle.claim(ctx, id)).toBeNull();
  });

  it('goes to one of many that claim it once its worker has fallen silent; what the old attempt writes touches nothing', async () => {
    const id = await create();
    const old = await claim(id);
    expect(await lifecycle.heartbeat(ctx, old.key)).toBe('go_on');
    await fallSilent(id, 19);
    expect(await lifecycle.claim(ctx, id)).toBeNull();
    await fallSilent(id);
    const claims = (await Promise.all(Array.from({ length: 8 }, () => lifecycle.claim(ctx, id)))).filter((each) => each !== null);
    expect(claims.map(({ job }) => job.attempt)).toEqual([2]);
    const before = await read(id);

    expect(await lifecycle.heartbeat(ctx, old.key)).toBe('fenced');
    for (const end of [{ as: 'succeeded' }, { as: 'failed', failure: { code: 'x', message: 'x' }, stderr: '' }, { as: 'requeued', why: 'x', lost: true, stderr: '' }] as const) {
      expect(await lifecycle.finish(ctx, old.key, end)).toBeNull();
    }
    for (const attempt of [1, 2]) expect(await postEvents(gateway, id, old.token, attempt, numbered([finished()]))).toMatchObject({ status: 401 });
    expect(await read(id)).toEqual(before);
    expect(await announced(id)).toEqual([]);
    expect(before.lostAttempts).toBe(1);
  });

  it('is registered, linked, announced and succeeded in one transaction', async () => {
    const id = await create();
    const claimed = await claim(id);
    await complete(claimed);
    vi.spyOn(gateway.app.get(EventService), 'emit').mockRejectedValueOnce(new Error('no space for the event'));
    await expect(lifecycle.finish(ctx, claimed.key, { as: 'succeeded' })).rejects.toThrow('no space for the event');
    expect(await read(id)).toMatchObject({ status: 'running', modelVersionId: null });
    expect(await rows().countBy(ModelVersionEntity, { jobId: id })).toBe(0);

    await lifecycle.finish(ctx, claimed.key, { as: 'succeeded' });
    const job = await readJob(gateway, id);
    expect(job).toMatchObject({ status: 'succeeded', modelVersion: { name: 'tuned', kind: 'adapter' }, summary: { trainedTokens: 999, peakMemoryBytes: 123_456_789 } });
    expect(await announced(id)).toEqual(['fine_tuning.job.succeeded']);
    const { lineage } = await gateway.graphql('query ($id: ID!) { lineage(type: model_version, id: $id, direction: up) { nodes { type } edges { relation to } } }', { id: job.modelVersion.id });
    const relations = lineage.edges.filter((edge: { to: string }) => edge.to === job.modelVersion.id).map((edge: { relation: string }) => edge.relation);
    expect(relations.sort()).toEqual(['data_derived', 'rendered_with', 'trained_by', 'weights_derived']);
    expect(await lifecycle.finish(ctx, claimed.key, { as: 'succeeded' })).toBeNull();
    expect(await postEvents(gateway, id, claimed.token, 1, numbered([finished()], 3))).toMatchObject({ status: 409 });
  });

  it('is not registered when a byte of what was trained has changed', async () => {
    const id = await create();
    const claimed = await claim(id);
    writeFileSync(join(await complete(claimed), 'adapter_config.json'), '{"peft_type":"OTHER"}');
    await lifecycle.finish(ctx, claimed.key, { as: 'succeeded' });
    expect(await readJob(gateway, id)).toMatchObject({ status: 'queued', modelVersion: null });
    expect(await rows().countBy(ModelVersionEntity, { jobId: id })).toBe(0);
    expect((await read(id)).lostAttempts).toBe(1);
  });

  it('is cancelled at once while it is queued', async () => {
    const id = await create();
    expect(await cancel(id)).toMatchObject({ cancelFineTuneJob: { status: 'cancelled' } });
    expect(await lifecycle.claim(ctx, id)).toBeNull();
    expect(await cancel(id)).toMatchObject({ cancelFineTuneJob: { status: 'cancelled' } });
    expect(await announced(id)).toEqual(['fine_tuning.job.cancelled']);
  });

  it('that runs is asked to stop, and is cancelled even when its trainer completes', async () => {
    const id = await create();
    const claimed = await claim(id);
    expect(await cancel(id)).toEqual({ cancelFineTuneJob: { status: 'running', stopRequestedAt: expect.any(String) } });
    expect(await lifecycle.heartbeat(ctx, claimed.key)).toBe('stop');
    await complete(claimed);
    expect(await postEvents(gateway, id, claimed.token, 1, numbered([finished()], 2))).toMatchObject({ body: { acknowledged: 2, stop: true } });
    await lifecycle.finish(ctx, claimed.key, { as: 'succeeded' });
    expect(await readJob(gateway, id)).toMatchObject({ status: 'cancelled', modelVersion: null });
    expect(await announced(id)).toEqual(['fine_tuning.job.cancelled']);
  });

  it('that its worker lost after it was asked to stop is cancelled', async () => {
    const id = await create();
    await claim(id);
    await cancel(id);
    await fallSilent(id);
    expect(await reconciler.releaseStale()).toBe(1);
    expect(await readJob(gateway, id)).toMatchObject({ status: 'cancelled' });
  });

  it('has one end when cancelling and finishing race', async () => {
    const races = await Promise.all(Array.from({ length: 12 }, async () => {
      const id = await create();
      const claimed = await claim(id);
      await complete(claimed);
      return { id, claimed };
    }));
    const ends = await Promise.all(races.map(async ({ id, claimed }) => {
      const delay = () => new Promise((resolve) => setTimeout(resolve, randomInt(30)));
      const [cancelled] = await Promise.all([
        delay().then(() => cancel(id)).then(() => true, () => false),
        delay().then(() => lifecycle.finish(ctx, claimed.key, { as: 'succeeded' })),
      ]);
      return { id, cancelled, job: await readJob(gateway, id), announced: await announced(id) };
    }));
    for (const { cancelled, job, announced: events } of ends) {
      expect(job.status).toBe(cancelled ? 'cancelled' : 'succeeded');
      expect(job.modelVersion === null).toBe(cancelled);
      expect(events).toEqual([cancelled ? 'fine_tuning.job.cancelled' : 'fine_tuning.job.succeeded']);
    }
  });

  it('cannot be cancelled when it is over', async () => {
    const id = await create();
    const { key } = await claim(id);
    await lifecycle.finish(ctx, key, { as: 'failed', failure: { code: 'bad_data', message: 'row 3' }, stderr: 'Traceback' });
    const job = await readJob(gateway, id);
    expect(job).toMatchObject({ status: 'failed', failure: { code: 'bad_data', message: 'row 3' } });
    expect(job.events.nodes.map((event: { data: { message: string } }) => event.data.message)).toContainEqual(expect.stringContaining('Traceback'));
    expect(await announced(id)).toEqual(['fine_tuning.job.failed']);
    await expect(cancel(id)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('fails after three lost workers; shutdowns do not count', async () => {
    const id = await create();
    for (const attempt of [1, 2, 3, 4]) {
      const { key } = await claim(id);
      expect(key.attempt).toBe(attempt);
      if (attempt === 2) {
        await lifecycle.finish(ctx, key, { as: 'requeued', why: 'The worker shuts down.', lost: false, stderr: '' });
        continue;
      }
      await fallSilent(id);
      expect(await reconciler.releaseStale()).toBe(1);
      expect(await readJob(gateway, id)).toMatchObject({ status: attempt < 4 ? 'queued' : 'failed' });
    }
    expect(await readJob(gateway, id)).toMatchObject({ failure: { code: 'worker_lost' }, attempt: 4 });
  });

  it('succeeds when its worker was lost after the trainer had completed', async () => {
    const id = await create();
    await complete(await claim(id));
    await fallSilent(id);
    const released = await Promise.all([reconciler.releaseStale(), reconciler.releaseStale()]);
    expect(released.toSorted()).toEqual([0, 1]);
    expect(await readJob(gateway, id)).toMatchObject({ status: 'succeeded', attempt: 1, modelVersion: { name: 'tuned' } });
    expect(await announced(id)).toEqual(['fine_tuning.job.succeeded']);
  });

  it('is put on its queue again when it has waited for long, by one of many', async () => {
    const id = await create();
    await rows().query('UPDATE fine_tune_jobs SET enqueued_at = now()');
    expect(await reconciler.enqueueAgain()).toBe(0);
    await rows().query("UPDATE fine_tune_jobs SET enqueued_at = now() - interval '31 seconds' WHERE id = $1", [id]);
    const found = await Promise.all([reconciler.enqueueAgain(), reconciler.enqueueAgain(), reconciler.enqueueAgain()]);
    expect(found.toSorted()).toEqual([0, 0, 1]);
    expect(await messages(id)).toHaveLength(2);
  });

  it('of another project cannot be read, cancelled or claimed', async () => {
    const id = await create();
    for (const document of ['query ($id: ID!) { fineTuneJob(id: $id) { id } }', 'mutation ($id: ID!) { cancelFineTuneJob(id: $id) { id } }']) {
      await expect(gateway.graphql(document, { id }, gateway.otherKey)).rejects.toMatchObject({ code: 'not_found' });
    }
    const { fineTuneJobs } = await gateway.graphql('{ fineTuneJobs { nodes { id } } }', {}, gateway.otherKey);
    expect(fineTuneJobs.nodes).toEqual([]);
  });
});
