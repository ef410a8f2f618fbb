import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type ApiProcess, startApi } from '../helpers/api-process.js';
import { prepareTraining, sftInput, untilOver } from '../helpers/fine-tune.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { type ReceivedSpan, startOtlpReceiver } from '../helpers/otlp-receiver.js';
import { build, startWorker, type WorkerProcess } from '../helpers/worker-process.js';

describe('tracing', () => {
  let gateway: Gateway;
  let collector: Awaited<ReturnType<typeof startOtlpReceiver>>;
  let api: ApiProcess;
  let worker: WorkerProcess;
  beforeAll(async () => {
    build();
    collector = await startOtlpReceiver();
    gateway = await startGateway();
    await prepareTraining(gateway);
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '200' };
    api = await startApi(env);
    worker = await startWorker({ ...env, TRIAD_INTERNAL_URL: api.url });
  });
  afterAll(async () => {
    await Promise.all([api.end('SIGKILL'), worker.end('SIGKILL')]);
    await gateway.stop();
    await collector.stop();
  });

  it('makes one trace of a job: request, GraphQL, SQL, outbox, worker, trainer, and what the trainer posts', async () => {
    const { id } = await post('mutation ($input: CreateFineTuneJobInput!) { createFineTuneJob(input: $input) { id } }', { input: sftInput(3) }, '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
    expect(await untilOver(gateway, id)).toMatchObject({ status: 'succeeded' });
    const ofTrace = () => collector.spans.filter(({ traceId }) => traceId === '0af7651916cd43dd8448eb211c80319c');
    const find = (service: string, name: RegExp, attribute?: RegExp) => ofTrace().find((span) => span.service === service && name.test(span.name) && (!attribute || attribute.test(JSON.stringify(span.attributes))));
    const wanted = () => ({
      request: find('triad-api', /^POST \/graphql$/),
      graphql: find('triad-api', /^mutation/),
      sql: find('triad-api', /^pg\.query:INSERT/, /INSERT INTO \\"outbox\\"/),
      outbox: find('triad-worker', /^outbox fine-tune\.run$/),
      job: find('triad-worker', /^job fine-tune\.run$/),
      claim: find('triad-worker', /^pg\.query:UPDATE/, /fine_tune_jobs/),
      trainer: find('triad-worker', /^trainer$/),
      events: find('triad-api', /^POST \/internal\/runs\/:jobId\/events$/),
    });
    await vi.waitFor(() => expect(Object.entries(wanted()).filter(([, span]) => !span).map(([name]) => name), ofTrace().map(({ service, name }) => `${service} ${name}`).join('\n')).toEqual([]), { timeout: 30_000 });
    const spans = wanted() as Record<string, ReceivedSpan>;
    expect(spans['request']!.parentSpanId).toBe('b7ad6b7169203331'); // the caller's
    expect(spans['job']!.parentSpanId).toBe(spans['outbox']!.spanId);
    expect(spans['trainer']!.parentSpanId).toBe(spans['job']!.spanId);
    expect(spans['events']!.parentSpanId).toBe(spans['trainer']!.spanId);
    expect(spans['job']!.attributes).toMatchObject({ 'triad.jobId': id });
    const ancestors = (span: ReceivedSpan | undefined): string[] => (span ? [span.spanId, ...ancestors(ofTrace().find(({ spanId }) => spanId === span.parentSpanId))] : []);
    for (const name of ['graphql', 'sql', 'outbox', 'job', 'claim', 'events']) expect(ancestors(spans[name])).toContain(spans['request']!.spanId);
  });

  it('exports no key and no value of a caller\'s, and nothing of probes and its own polling', async () => {
    await fetch(`${api.url}/health/ready`);
    await post('mutation ($input: CreateProviderInput!) { createProvider(input: $input) { name } }', { input: { name: 'traced', baseUrl: 'http://127.0.0.1:9/v1', apiKey: 'sk-a-secret-of-the-callers' } }, '00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
    await vi.waitFor(() => expect(collector.spans.filter(({ traceId, name }) => traceId === '1af7651916cd43dd8448eb211c80319c' && name === 'POST /graphql')).toHaveLength(1), { timeout: 10_000 });
    await api.end('SIGTERM');
    const all = JSON.stringify(collector.spans);
    expect(all).not.toContain(gateway.key);
    expect(all).not.toContain('sk-a-secret');
    expect(all).not.toContain('/health');
    const roots = new Set(collector.spans.filter(({ parentSpanId }) => !parentSpanId).map(({ name }) => name));
    expect([...roots].filter((name) => name.startsWith('pg.') || name.startsWith('outbox'))).toEqual([]);
  });

  it('says in the log which trace a line belongs to', async () => {
    const traced = await startApi({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, TRIAD_LOG_LEVEL: 'debug' });
    await fetch(`${traced.url}/v1/models`, { headers: { authorization: `Bearer ${gateway.key}`, traceparent: '00-2af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'x-request-id': 'traced-1' } });
    await traced.end('SIGTERM');
    const line = traced.log().split('\n').filter((each) => each.startsWith('{')).map((each) => JSON.parse(each)).find(({ requestId, msg }) => requestId === 'traced-1' && msg === 'request');
    expect(line).toMatchObject({ traceId: '2af7651916cd43dd8448eb211c80319c', principal: expect.stringMatching(/^key:/), projectId: expect.any(String), route: '/v1/models', status: 200 });
  });

  async function post(query: string, variables: object, traceparent: string): Promise<{ id: string }> {
    const answer = await fetch(`${api.url}/graphql`, {
      method: 'POST', headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json', traceparent }, body: JSON.stringify({ query, variables }),
    });
    return Object.values((await answer.json() as { data: Record<string, { id: string }> }).data)[0]!;
  }
});
