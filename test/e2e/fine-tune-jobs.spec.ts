import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createJob, followJob, type JobEvent, prepareTraining, readJob, sftInput } from '../helpers/fine-tune.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';

describe('fine-tune jobs with the real trainer', () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway({ worker: true });
    await prepareTraining(gateway);
  });
  afterAll(() => gateway.stop());

  it('trains an adapter, reports on the way, and registers the version with its lineage', async () => {
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
    expect(events.map((event) => event.type)).toEqual(expect.arrayContaining(['log', 'started', 'metrics', 'checkpoint', 'artefact', 'finished']));
    expect(events.at(-1)).toMatchObject({ type: 'log', data: { message: 'Succeeded: models:/tuned/1.' }, job: { status: 'succeeded' } });
  });
});
