import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { Agent } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { sendWebhook, signedHeaders } from './send-webhook.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

describe('signedHeaders', () => {
  it('agrees with the published test vector', () => {
    const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', body: '{"test": 2432232314}', at: new Date(1614265330_000) };
    expect(signedHeaders([SECRET], message)).toEqual({
      'webhook-id': message.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });
});

describe('sendWebhook', () => {
  let server: Server | undefined;
  afterEach(() => { server?.closeAllConnections(); server?.close(); });

  /** Posts to a receiver that answers with `listener`. */
  async function send(listener: RequestListener, signal: AbortSignal = new AbortController().signal) {
    server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
    return sendWebhook(url, [SECRET], { id: 'evt_1', body: '{"type":"x"}', at: new Date() }, { dispatcher: new Agent(), signal });
  }

  it('posts what the library verifies', async () => {
    const chunks: Buffer[] = [];
    let headers: IncomingHttpHeaders = {};
    const { attempt } = await send((request, response) => {
      headers = request.headers;
      request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => response.end('thanks'));
    });
    expect(attempt).toMatchObject({ status: 200, response: 'thanks' });
    expect(new Webhook(SECRET).verify(Buffer.concat(chunks), headers as Record<string, string>)).toEqual({ type: 'x' });
  });

  it('takes a redirect as the answer it is, and does not go there', async () => {
    const asked: string[] = [];
    const { attempt } = await send((request, response) => {
      asked.push(request.url!);
      response.writeHead(307, { location: '/elsewhere' }).end();
    });
    expect(attempt.status).toBe(307);
    expect(asked).toEqual(['/hook']);
  });

  it('keeps a kilobyte of a body that never ends, and hangs up', async () => {
    let hungUp: Promise<unknown> | undefined;
    const { attempt } = await send((_, response) => {
      hungUp = once(response, 'close');
      response.writeHead(200);
      const more = () => { while (response.write('é\0'.repeat(400))); };
      response.on('drain', more);
      more();
    });
    expect(attempt.status).toBe(200);
    expect(Buffer.byteLength(attempt.response)).toBeLessThanOrEqual(1024);
    expect(attempt.response).not.toContain('\0');
    await hungUp;
  });

  it('counts the status of an answer whose body stalls', async () => {
    const { attempt } = await send((_, response) => { response.writeHead(202); response.write('part'); }, AbortSignal.timeout(300));
    expect(attempt).toMatchObject({ status: 202, response: 'part' });
  });

  it('ends with no status when the receiver stays silent', async () => {
    const { attempt } = await send(() => undefined, AbortSignal.timeout(100));
    expect(attempt).toMatchObject({ status: null, response: 'No answer in time.' });
  });

  it('tells of a refused connection, a broken answer and Retry-After', async () => {
    const refused = await sendWebhook('http://127.0.0.1:1/', [SECRET], { id: 'evt_1', body: '{}', at: new Date() }, { dispatcher: new Agent(), signal: AbortSignal.timeout(5_000) });
    expect(refused.attempt).toMatchObject({ status: null, response: expect.stringContaining('ECONNREFUSED') });
    const garbage = createTcpServer((socket) => { socket.end('no http\r\n\r\n'); }).listen(0, '127.0.0.1');
    await once(garbage, 'listening');
    const broken = await sendWebhook(`http://127.0.0.1:${(garbage.address() as AddressInfo).port}/`, [SECRET], { id: 'evt_1', body: '{}', at: new Date() }, { dispatcher: new Agent(), signal: AbortSignal.timeout(5_000) });
    garbage.close();
    expect(broken.attempt).toMatchObject({ status: null, response: expect.stringContaining('does not match the HTTP') });
    expect(await send((_, response) => response.writeHead(429, { 'retry-after': '120' }).end())).toMatchObject({ attempt: { status: 429 }, retryAfterMs: 120_000 });
  });
});
