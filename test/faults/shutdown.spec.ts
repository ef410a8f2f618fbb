import { createClient } from 'graphql-ws';
import { EventEmitter, once } from 'node:events';
import { connect, type Socket } from 'node:net';
import WebSocket from 'ws';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../src/database/embedded-postgres.js';
import { type ApiProcess, startApi } from '../helpers/api-process.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { type OpenAiFake, startOpenAiFake } from '../helpers/openai-fake.js';
import { build, startWorker } from '../helpers/worker-process.js';

/** Row #31 of the matrix, for the API; for a worker with a trainer see fine-tune-faults.spec.ts. */
describe('#31 SIGTERM', () => {
  let fake: OpenAiFake;
  let gateway: Gateway;
  let api: ApiProcess;
  const gate = new EventEmitter();
  beforeAll(async () => {
    build();
    fake = await startOpenAiFake({ before: async () => { await once(gate, 'open'); } });
    gateway = await startGateway();
    await gateway.graphql('mutation ($input: CreateProviderInput!) { createProvider(input: $input) { name } }', { input: { name: 'fake', baseUrl: fake.url } });
  });
  afterEach(() => api.end('SIGKILL'));
  afterAll(async () => {
    await gateway.stop();
    await fake.stop();
  });

  const chat = (stream: boolean) => fetch(`${api.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'fake/any', stream, messages: [{ role: 'user', content: 'hello' }] }),
  });
  /** Two requests that the provider has, and has not answered. */
  const under = async () => {
    const from = fake.seen.length;
    const answers = [chat(false), chat(true)].map((answer) => answer.then(async (response) => ({ status: response.status, text: await response.text() })));
    await vi.waitFor(() => expect(fake.seen.length).toBe(from + 2), { timeout: 10_000 });
    return Promise.all(answers.map((answer) => answer.catch((error: unknown) => ({ status: 0, text: String(error) }))));
  };
  const refused = async () => new Promise<boolean>((resolve) => {
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1', () => { socket.destroy(); resolve(false); });
    socket.on('error', () => resolve(true));
  });

  it('lets requests and streams under way finish, takes no new ones, and exits with 0', async () => {
    api = await startApi();
    const answers = under();
    await vi.waitFor(() => expect(fake.seen.length).toBe(2), { timeout: 10_000 });
    // A connection that is in the middle of a request when the signal comes: how a prober may still get through.
    const prober = await half('GET /health/ready HTTP/1.1\r\nHost: x\r\n');
    const ended = api.end('SIGTERM');
    await vi.waitFor(async () => expect(await refused()).toBe(true), { timeout: 10_000 });
    expect(await rest(prober, '\r\n')).toMatch(/^HTTP\/1.1 503 [^]*connection: close[^]*The process is shutting down/i);
    gate.emit('open');
    const [whole, streamed] = await answers;
    expect(whole).toMatchObject({ status: 200, text: expect.stringContaining('olleh') });
    expect(streamed!.text).toMatch(/data: \[DONE\]\n\n$/);
    expect(await ended).toBe(0);
  });

  it('breaks off what is not done within the grace time, and exits with 0', async () => {
    api = await startApi({ TRIAD_SHUTDOWN_GRACE_MS: '300' });
    const answers = under();
    await vi.waitFor(() => expect(fake.seen.length).toBe(4), { timeout: 10_000 });
    expect(await api.end('SIGTERM')).toBe(0);
    expect(await answers).toEqual([expect.objectContaining({ status: 0 }), expect.objectContaining({ status: 0 })]);
    expect(api.log()).toContain('2 requests were still under way after 300 ms');
    gate.emit('open');
  });

  it('tells subscribers that it goes away, so that they connect elsewhere', async () => {
    api = await startApi();
    const connected = new EventEmitter();
    const client = createClient({
      url: `${api.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, retryAttempts: 0, lazy: false, onNonLazyError: () => undefined,
      connectionParams: { Authorization: `Bearer ${gateway.key}` },
      on: { connected: () => connected.emit('ready'), closed: (event) => connected.emit('closed', (event as { code: number }).code) },
    });
    await once(connected, 'ready');
    const closed = once(connected, 'closed');
    expect(await api.end('SIGTERM')).toBe(0);
    expect(await closed).toEqual([1001]);
    await client.dispose();
  });

  it('ends an idle worker with 0, which has told of itself on its port', async () => {
    api = await startApi();
    const port = await freePort();
    const worker = await startWorker({ TRIAD_WORKER_PORT: String(port) });
    const ask = (path: string, headers = {}) => fetch(`http://127.0.0.1:${port}${path}`, { headers });
    expect(await (await ask('/health/live')).json()).toEqual({ status: 'ok' });
    expect(await (await ask('/health/ready')).json()).toMatchObject({ status: 'ok', checks: { postgres: { status: 'ok' } } });
    expect(await (await ask('/metrics')).text()).toContain('# TYPE triad_job_wait_seconds histogram');
    expect((await ask('/metrics', { 'x-forwarded-for': '203.0.113.7' })).status).toBe(403);
    expect((await ask('/v1/models')).status).toBe(404);
    expect(await worker.end('SIGTERM')).toBe(0);
  });

  async function half(text: string): Promise<Socket> {
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    await once(socket, 'connect');
    await new Promise<void>((written) => socket.write(text, () => written()));
    return socket;
  }
});

async function rest(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  return (await socket.toArray() as Buffer[]).join('');
}
