import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RequestContext } from '../../src/common/request-context.js';
import { Notifications } from '../../src/database/notifications.js';
import { jobTopic } from '../../src/fine-tune-jobs/fine-tune-event.service.js';
import { FineTuneJobLifecycle } from '../../src/fine-tune-jobs/fine-tune-job.lifecycle.js';
import { FineTuneJobService } from '../../src/fine-tune-jobs/fine-tune-job.service.js';
import { SpoolService } from '../../src/fine-tune-jobs/spool.service.js';
import { createJob, followJob, type JobEvent, jsonl, prepareInputs, readJob, sftInput } from '../helpers/fine-tune.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { writeAdapter } from '../helpers/run-directory.js';
import { finished, metrics, numbered, postEvents, started } from '../helpers/run-events.js';
import { contextOf, registerStubModel } from '../helpers/stub-model.js';

const REPORT = {
  pairs: 10, prompts: 8, accuracy: { value: 0.9, low: 0.7, high: 1 }, slices: [{ name: 'easy', pairs: 10, accuracy: { value: 0.9, low: 0.7, high: 1 } }],
  lengthBaselineAccuracy: 0.5, lengthSpearman: null, ece: 0.1, nll: 0.4,
};

describe('events of a run', () => {
  let gateway: Gateway;
  let ctx: RequestContext;

  beforeAll(async () => {
    gateway = await startGateway();
    ctx = await contextOf(gateway);
    await registerStubModel(gateway, 'tiny');
    await prepareInputs(gateway);
  });
  afterAll(() => gateway.stop());

  const claim = async (id: string) => {
    const { job, token } = (await gateway.app.get(FineTuneJobLifecycle).claim(ctx, id))!;
    const key = { id, projectId: ctx.projectId, attempt: job.attempt };
    return { id, token, key, post: (events: object[], attempt = job.attempt, as = token) => postEvents(gateway, id, as, attempt, events) };
  };
  const start = async () => claim(await createJob(gateway, sftInput(6)));
  const end = (key: { id: string; projectId: string; attempt: number }) =>
    gateway.app.get(FineTuneJobLifecycle).finish(ctx, key, { as: 'failed', failure: { code: 'bad_data', message: 'x' }, stderr: '' });
  const stored = async (id: string): Promise<JobEvent[]> =>
    (await readJob(gateway, id)).events.nodes.filter((event: JobEvent) => !(event.type === 'log'));

  it('move the job on: step and time left, checkpoints, report, summary', async () => {
    const { id, post } = await start();
    expect(await post(numbered([started(), metrics(1), metrics(2)]))).toEqual({ status: 200, body: { acknowledged: 3, stop: false } });
    expect(await readJob(gateway, id)).toMatchObject({ step: 2, etaSeconds: 4 });
    const { directory, manifest } = await writeAdapter(gateway, id, 1, 'checkpoints/step-4');
    const rest = [{ type: 'checkpoint' as const, step: 4, path: directory, manifest, metrics: { loss: 0.25 } }, { type: 'report' as const, report: REPORT }, finished()];
    expect((await post(numbered(rest, 4))).body).toEqual({ acknowledged: 6, stop: false });
    const job = await readJob(gateway, id);
    expect(job).toMatchObject({
      step: 6, etaSeconds: null, checkpoints: [{ attempt: 1, step: 4 }], rewardReport: { pairs: 10, accuracy: { value: 0.9, low: 0.7, high: 1 }, slices: [{ name: 'easy' }] },
      summary: { outcome: 'succeeded', step: 6, seconds: 12.5, cpuSeconds: 20, trainedTokens: 999, peakMemoryBytes: 123_456_789 },
    });
    const [checkpoint] = (await stored(id)).filter((event) => event.type === 'checkpoint');
    expect(checkpoint!.data['path']).toBe(`runs/${id}/attempt-1/checkpoints/step-4`);
  });

  it('are stored once each, however often and in whatever order batches arrive', async () => {
    const { id, post } = await start();
    const events = numbered([started(), ...Array.from({ length: 40 }, (_, index) => metrics(1 + (index % 6)))]);
    const batches = Array.from({ length: 10 }, (_, index) => events.slice(index * 3, index * 3 + 20)).concat(events.slice(30), [events]);
    await Promise.all([...batches, ...batches].map((batch) => post(batch)));
    expect((await post(events)).body).toEqual({ acknowledged: events.length, stop: false });
    expect((await stored(id)).map((event) => event.type)).toEqual(events.map((event) => (event as { type: string }).type));
  });

  it('after a gap are not stored; the answer says where to go on', async () => {
    const { id, post } = await start();
    await post(numbered([started(), metrics(1)]));
    expect((await post(numbered([metrics(4)], 4))).body).toEqual({ acknowledged: 2, stop: false });
    expect((await post(numbered([metrics(2), metrics(3)], 3))).body).toEqual({ acknowledged: 4, stop: false });
    expect((await readJob(gateway, id)).metrics.map((point: { step: number }) => point.step)).toEqual([1, 2, 3]);
  });

  it('are refused without the token of this job', async () => {
    const [one, other] = [await start(), await start()];
    const events = numbered([started()]);
    for (const token of ['', 'wrong', other.token, gateway.key]) {
      expect(await one.post(events, 1, token)).toMatchObject({ status: 401, body: { error: { code: 'unauthenticated' } } });
    }
    expect(await postEvents(gateway, 'ftjob_01jzzzzzzzzzzzzzzzzzzzzzzz', one.token, 1, events)).toMatchObject({ status: 401 });
    expect(await stored(one.id)).toEqual([]);
  });

  it('are refused when they are not what the contract says, saying where', async () => {
    const { id, post } = await start();
    expect(await post([{ seq: 1, type: 'metrics' }])).toMatchObject({ status: 400, body: { error: { code: 'bad_input', message: expect.stringContaining('run-events.schema.json') } } });
    expect(await post(numbered([metrics(1, { loss: 'NaN' as never })]))).toMatchObject({ status: 400 });
    expect(await stored(id)).toEqual([]);
  });

  it('are refused once the attempt is over', async () => {
    const { id, key, post } = await start();
    await post(numbered([started()]));
    await end(key);
    expect(await post(numbered([metrics(1)], 2))).toMatchObject({ status: 409, body: { error: { code: 'fenced' } } });
    expect(await stored(id)).toHaveLength(1);
  });

  it('that a trainer left in its spool are taken in, up to a line that was cut off, and once', async () => {
    const { id, post } = await start();
    const events = numbered([started(), ...Array.from({ length: 600 }, (_, index) => metrics(1 + (index % 6))), finished('stopped')]);
    await post(events.slice(0, 10));
    const directory = join(gateway.home, 'runs', id, 'attempt-1', 'spool');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'events.jsonl'), jsonl(events) + JSON.stringify(numbered([metrics(1)], 603)[0]).slice(0, 40));
    const job = await gateway.app.get(FineTuneJobService).get(ctx, id);
    for (let time = 0; time < 2; time++) await gateway.app.get(SpoolService).take(ctx, job);
    expect((await post(events.slice(-1))).body).toEqual({ acknowledged: 602, stop: false });
    expect(await readJob(gateway, id)).toMatchObject({ summary: { outcome: 'stopped' } });
  });

  it('of a later attempt take the place of metrics that it trained again', async () => {
    const first = await start();
    await first.post(numbered([started(), metrics(1), metrics(2), metrics(3)]));
    await gateway.app.get(FineTuneJobLifecycle).finish(ctx, first.key, { as: 'requeued', why: 'test', lost: false, stderr: '' });
    const second = await claim(first.id);
    await second.post(numbered([started(2), metrics(3, { loss: null }), metrics(4)]));
    expect((await readJob(gateway, first.id)).metrics).toEqual([
      { step: 1, value: 1, attempt: 1 }, { step: 2, value: 0.5, attempt: 1 }, { step: 3, value: null, attempt: 2 }, { step: 4, value: 0.25, attempt: 2 },
    ]);
  });

  describe('on a subscription', () => {
    it('come in order without loss or repetition when the reader reconnects with a cursor, and end with the job', async () => {
      const { id, key, post } = await start();
      const seen: JobEvent[] = [];
      let cursor: string | null = null;
      const readUntil = async (stop: (event: JobEvent) => boolean) => {
        for await (const event of followJob(gateway, id, cursor)) {
          seen.push(event);
          cursor = event.cursor;
          if (stop(event)) return;
        }
      };
      const steps = Array.from({ length: 6 }, (_, index) => index + 1);
      const producing = (async () => {
        await post(numbered([started()]));
        for (const step of steps) await post(numbered([metrics(step)], 1 + step));
        await end(key);
      })();
      for (const step of [1, 3, 4]) await readUntil((event) => event.data['step'] === step);
      await readUntil(() => false);
      await producing;
      expect(seen.filter((event) => event.type === 'metrics').map((event) => event.data['step'])).toEqual(steps);
      expect(new Set(seen.map((event) => event.cursor)).size).toBe(seen.length);
      expect(seen.at(-1)).toMatchObject({ data: { level: 'error', message: 'Failed: bad_data: x' }, job: { status: 'failed', step: 6, totalSteps: 6 } });
      expect(seen.map((event) => event.cursor)).toEqual((await readJob(gateway, id)).events.nodes.map((event: JobEvent) => event.cursor));
    });

    it('leave nothing behind when the reader goes', async () => {
      const { id } = await start();
      const emitter = gateway.app.get(Notifications)['emitter'];
      for await (const _ of followJob(gateway, id)) {
        expect(emitter.listenerCount(jobTopic(id))).toBe(1);
        break;
      }
      await vi.waitFor(() => expect(emitter.listenerCount(jobTopic(id))).toBe(0));
    });

    it('are refused for a job that is not there, and after a cursor that is none', async () => {
      const { id } = await start();
      const first = (job: string, after: string | null = null) => followJob(gateway, job, after).next();
      await expect(first('ftjob_01jzzzzzzzzzzzzzzzzzzzzzzz')).rejects.toThrow('There is no fine-tune job');
      await expect(first(id, 'x')).rejects.toThrow('is not a cursor');
    });
  });
});
