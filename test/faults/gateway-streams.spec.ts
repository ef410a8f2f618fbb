import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CallAccount } from '../../src/gateway/call-account.js';
import { AuthService } from '../../src/auth/auth.service.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n';
const event = (delta: unknown) => `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: null }] })}\n\n`;

/** A provider by bytes, which a well-behaved server would not send. A FAKE, for what goes wrong on the wire. */
describe('streams of a provider that misbehaves on the wire', () => {
  let gateway: Gateway;
  let server: Server;
  let answer: (socket: Socket) => void;
  let ended: ReturnType<typeof vi.spyOn>;
  const sockets = new Set<Socket>();

  beforeAll(async () => {
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('data', () => answer(socket));
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    gateway = await startGateway({ env: { TRIAD_CALL_LOGGING: 'full' } });
    await gateway.graphql('mutation ($input: CreateProviderInput!) { createProvider(input: $input) { id } }', { input: { name: 'wire', baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` } });
    ended = vi.spyOn(gateway.app.get(CallAccount), 'end');
  });
  afterAll(async () => {
    await gateway.stop();
    sockets.forEach((socket) => socket.destroy());
    server.close();
  });

  const lastEnd = () => ended.mock.calls.at(-1)?.[1] as { status: number; errorCode: string | null } | undefined;
  /** Sends a streamed chat as bytes. @returns the client's socket, which reads nothing until it is told to */
  const ask = (key = gateway.key): Socket => {
    const body = JSON.stringify({ model: 'wire/m', stream: true, messages: [{ role: 'user', content: 'x' }] });
    const client = connect(Number(new URL(gateway.url).port), '127.0.0.1').pause();
    client.on('error', () => undefined);
    client.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    return client;
  };

  it.each(['ends', 'is reset'] as const)('lives on when the upstream %s while the client is slow', async (how) => {
    const before: number = ended.mock.calls.length;
    answer = (socket) => socket.write(HEAD + event({ content: 'y'.repeat(3_900_000) }).repeat(2), () => (how === 'ends' ? socket.end() : socket.resetAndDestroy()));
    const client = ask();
    await expect.poll(() => ended.mock.calls.length, { timeout: 10_000 }).toBe(before + 1);
    expect(lastEnd()).toMatchObject({ status: 200, errorCode: 'upstream_failed' });
    client.resume();
    let text = '';
    client.on('data', (chunk: Buffer) => { text = (text + chunk.toString()).slice(-2000); });
    await expect.poll(() => text, { timeout: 10_000 }).toContain('broke off');
    client.destroy();
  });

  it('lets go of a client that reads nothing of what never ends', async () => {
    const before: number = ended.mock.calls.length;
    let gone = false;
    answer = (socket) => {
      socket.once('close', () => { gone = true; });
      const piece = event({ content: 'y'.repeat(500_000) });
      const more = (error?: Error | null) => { if (!error) setImmediate(() => socket.write(piece, more)); };
      socket.write(HEAD, more);
    };
    const client = ask();
    await expect.poll(() => gone, { timeout: 20_000 }).toBe(true);
    await expect.poll(() => ended.mock.calls.length).toBe(before + 1);
    expect(lastEnd()).toMatchObject({ errorCode: 'upstream_failed' });
    client.destroy();
  });

  it.each([3_000, 20_000])('accounts for an answer that is nested %d deep', async (depth) => {
    const before: number = ended.mock.calls.length;
    answer = (socket) => socket.end(`${HEAD}${event({ x: 'DEEP' }).replace('"DEEP"', `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`)}data: [DONE]\n\n`);
    const client = ask().resume();
    await expect.poll(() => ended.mock.calls.length, { timeout: 10_000 }).toBe(before + 1);
    client.destroy();
  });

  it('ends the call of a client that leaves while it is being let in', async () => {
    const before: number = ended.mock.calls.length;
    const auth = gateway.app.get(AuthService);
    const [recall, authenticate] = [auth.recall.bind(auth), auth.authenticate.bind(auth)];
    let letIn!: () => void;
    const opened = new Promise<void>((resolve) => { letIn = resolve; });
    auth.recall = () => undefined;
    auth.authenticate = async (...given) => {
      await opened;
      return authenticate(...given);
    };
    answer = (socket) => void socket.write(HEAD);
    const client = ask();
    await new Promise<void>((done) => client.once('connect', () => done()));
    await expect.poll(() => new Promise<number>((resolve, reject) => gateway.app.getHttpServer().getConnections((error: Error | null, count: number) => (error ? reject(error) : resolve(count))))).toBeGreaterThan(0);
    client.resetAndDestroy();
    await expect.poll(() => client.closed).toBe(true);
    letIn();
    await expect.poll(() => ended.mock.calls.length).toBe(before + 1);
    expect(lastEnd()).toMatchObject({ status: 499, errorCode: 'client_left' });
    Object.assign(auth, { recall, authenticate });
  });

  it('still answers', async () => {
    answer = (socket) => socket.end(`${HEAD}${event({ content: 'hi' })}data: [DONE]\n\n`);
    const response = await gateway.fetch('/v1/chat/completions', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'wire/m', stream: true, messages: [{ role: 'user', content: 'x' }] }) });
    expect(await response.text()).toContain('[DONE]');
  });
});
