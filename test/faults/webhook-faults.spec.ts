/** Rows #13, #14, #16 and #17 of the fault matrix. */
import type { ServerResponse } from 'node:http';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { CONFIG, type Config } from '../../src/config/config.js';
import { signedHeaders } from '../../src/webhooks/send-webhook.js';
import { signingSecretsAt } from '../../src/webhooks/signing-secrets.js';
import { WebhookRepository } from '../../src/webhooks/webhook.repository.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { WebhookTools } from '../helpers/webhooks.js';

const TIMED_OUT = { timeout: 60_000, interval: 200 };

describe('faults of receivers', () => {
  let gateway: Gateway;
  let tools: WebhookTools;
  beforeAll(async () => {
    gateway = await startGateway({ worker: true });
    tools = await WebhookTools.of(gateway);
  });
  afterAll(() => gateway.stop());
  afterEach(() => tools.clear());

  const endpoint = async (id: string) => (await gateway.graphql('query ($id: ID!) { webhookEndpoint(id: $id) { disabledAt disabledReason failingSince } }', { id }))['webhookEndpoint'];
  const emitMany = async (count: number) => { for (let index = 0; index < count; index += 1) await tools.emit({ id: `ftjob_${index}` }); };
  const count = async (where: string, parameters: unknown[] = []) => (await tools.sql(`SELECT count(*)::int AS count FROM webhook_deliveries WHERE ${where}`, parameters))[0].count as number;

  it('#13: ten endpoints that hang delay no other', async () => {
    const held: ServerResponse[] = [];
    const hanging = await Promise.all(Array.from({ length: 10 }, () => tools.receive((response) => held.push(response))));
    await emitMany(20); // each takes all the slots that it gets
    await vi.waitFor(async () => {
      hanging.forEach(({ receiver }) => expect(receiver.received.length).toBeGreaterThan(0));
      expect(await tools.sql('SELECT id FROM events WHERE fanned_out_at IS NULL')).toEqual([]);
    }, TIMED_OUT);
    const quick = await tools.receive();
    await emitMany(20);
    await quick.receiver.has(20);
    expect(await count("attempts <> '[]' AND endpoint_id <> $1", [quick.id])).toBe(0); // all of them hang still
    for (const { receiver } of hanging) expect(receiver.received.length).toBeLessThanOrEqual(16);
  });

  it('#13: silence, an endless trickle, an endless flood and a 500 are each one failed or taken attempt, then the schedule', async () => {
    const flood = (response: ServerResponse) => {
      const more = () => { while (response.write('x'.repeat(4_096))); };
      response.writeHead(500).on('drain', more);
      more();
    };
    const trickle = (response: ServerResponse) => {
      const timer = setInterval(() => response.write('.'), 1_000);
      response.writeHead(500).on('close', () => { clearInterval(timer); });
    };
    const silent = await tools.receive(() => undefined);
    const trickling = await tools.receive(trickle);
    const flooding = await tools.receive(flood);
    const failing = await tools.receive((response) => response.writeHead(500).end('down'));
    const well = await tools.receive();
    await tools.emit();
    await well.delivery({ status: 'delivered' });
    const again = { status: 'pending', nextAttemptAt: expect.any(String) };
    await flooding.delivery({ ...again, attempts: [{ status: 500, response: 'x'.repeat(1024) }] });
    await failing.delivery({ ...again, attempts: [{ status: 500, response: 'down' }] });
    await vi.waitFor(async () => expect(await tools.deliveries(silent.id)).toMatchObject([{ ...again, attempts: [{ status: null, response: 'No answer in time.' }] }]), TIMED_OUT);
    await vi.waitFor(async () => expect(await tools.deliveries(trickling.id)).toMatchObject([{ ...again, attempts: [{ status: 500, response: expect.stringMatching(/^\.+$/) }] }]), TIMED_OUT);
    const [{ attempts: [attempt] }] = await tools.deliveries(silent.id);
    expect(attempt.milliseconds).toBeGreaterThanOrEqual(20_000);
    expect(await endpoint(silent.id)).toMatchObject({ disabledAt: null, failingSince: expect.any(String) });
  });

  it('#13: an endpoint that fails is tried one at a time, and gets all once it is well', async () => {
    let well = false;
    let under = 0, most = 0;
    const { id, receiver } = await tools.receive((response) => {
      if (well) return response.end('ok');
      most = Math.max(most, under += 1);
      return setImmediate(() => { under -= 1; response.writeHead(503).end(); });
    });
    await tools.sql('UPDATE webhook_endpoints SET failing_since = now() WHERE id = $1', [id]);
    await emitMany(30);
    await vi.waitFor(async () => expect(await count("endpoint_id = $1 AND attempts <> '[]'", [id])).toBe(30), TIMED_OUT);
    expect(most).toBe(1);
    well = true;
    await vi.waitFor(async () => expect(await count("endpoint_id = $1 AND status = 'delivered'", [id])).toBe(30), TIMED_OUT);
    expect(receiver.received.length).toBeGreaterThanOrEqual(60);
    expect(await endpoint(id)).toMatchObject({ failingSince: null });
  });

  it('#14: 410 disables the endpoint, which then gets nothing', async () => {
    const { id, receiver, delivery } = await tools.receive((response) => response.writeHead(410).end());
    const other = await tools.receive(undefined, ['fine_tuning.job.succeeded']);
    await tools.emit();
    await delivery({ status: 'failed', nextAttemptAt: null, attempts: [{ status: 410 }] });
    expect(await endpoint(id)).toMatchObject({ disabledAt: expect.any(String), disabledReason: expect.stringContaining('410') });
    await tools.emit();
    await other.receiver.has(2);
    expect(await tools.deliveries(id)).toHaveLength(1);
    expect(receiver.received).toHaveLength(1);
  });

  it('#14: 429 with Retry-After, in seconds or as a date, is deferred by it', async () => {
    const date = new Date(Date.now() + 7_200_000);
    const seconds = await tools.receive((response) => response.writeHead(429, { 'retry-after': '3600' }).end());
    const dated = await tools.receive((response) => response.writeHead(429, { 'retry-after': date.toUTCString() }).end());
    await tools.emit();
    const deferred = await seconds.delivery({ status: 'pending', attempts: [{ status: 429 }] });
    expect(Date.parse(deferred.nextAttemptAt) - Date.parse(deferred.attempts[0].at)).toBeGreaterThanOrEqual(3_600_000);
    const until = await dated.delivery({ status: 'pending', attempts: [{ status: 429 }] });
    expect(Date.parse(until.nextAttemptAt)).toBeGreaterThanOrEqual(date.getTime() - 1_000);
    expect(await endpoint(seconds.id)).toMatchObject({ disabledAt: null });
  });

  it('#17: old and new secret verify during the overlap, then the old fails', async () => {
    const { id, secret: old, receiver } = await tools.receive();
    const rotate = (seconds: number) => tools.mutate('rotateWebhookSecret(id: $id, overlapSeconds: $seconds) { secret endpoint { previousSecretUntil } }', '$id: ID!, $seconds: Int!', { id, seconds });
    const { secret: fresh, endpoint: { previousSecretUntil } } = await rotate(86_400);
    await tools.emit();
    await receiver.has(1);
    expect(receiver.received[0]!.headers['webhook-signature']).toMatch(/^v1,\S+ v1,\S+$/);
    for (const secret of [old, fresh]) expect(receiver.received[0]!.verify(secret)).toMatchObject({ type: 'fine_tuning.job.succeeded' });

    const row = (await gateway.app.get(WebhookRepository).findEndpoint(tools.ctx, id))!;
    const verifiesAt = (secret: string, at: Date) => {
      vi.useFakeTimers({ toFake: ['Date'], now: at });
      try {
        const secrets = signingSecretsAt(gateway.app.get<Config>(CONFIG), 'webhook_endpoints', row, new Date());
        return new Webhook(secret).verify('{"a":1}', signedHeaders(secrets, { id: 'msg_1', body: '{"a":1}', at: new Date() }));
      } finally {
        vi.useRealTimers();
      }
    };
    const end = Date.parse(previousSecretUntil);
    for (const secret of [old, fresh]) expect(verifiesAt(secret, new Date(end - 1))).toEqual({ a: 1 });
    expect(verifiesAt(fresh, new Date(end))).toEqual({ a: 1 });
    expect(() => verifiesAt(old, new Date(end))).toThrow('No matching signature');

    const { secret: last } = await rotate(0);
    await tools.emit();
    await receiver.has(2);
    expect(receiver.received[1]!.verify(last)).toBeDefined();
    for (const secret of [old, fresh]) expect(() => receiver.received[1]!.verify(secret)).toThrow('No matching signature');
  });
});

describe('#16 inbound webhooks', () => {
  /** The published test vector. */
  const VECTOR = { secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', at: 1614265330, body: '{"test": 2432232314}', signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=' };
  let gateway: Gateway;
  let tools: WebhookTools;
  let path: string;
  beforeAll(async () => {
    gateway = await startGateway();
    tools = await WebhookTools.of(gateway);
    path = (await tools.mutate('createInboundWebhook(provider: standard, secret: $secret) { inboundWebhook { path } }', '$secret: String', { secret: VECTOR.secret })).inboundWebhook.path;
  });
  afterAll(() => gateway.stop());
  afterEach(() => { vi.useRealTimers(); });

  const post = (over: Partial<typeof VECTOR> = {}) => {
    const { id, at, body, signature } = { ...VECTOR, ...over };
    return fetch(`${gateway.url}${path}`, { method: 'POST', body, headers: { 'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': String(at), 'webhook-signature': signature } });
  };
  /** Sets the clock that a message is judged by to so many seconds after the vector was signed. */
  const skewed = (seconds: number) => vi.useFakeTimers({ toFake: ['Date'], now: (VECTOR.at + seconds) * 1000 });
  const events = (webhookId: string) => tools.sql("SELECT data FROM events WHERE type = 'inbound.standard' AND data->>'webhookId' = $1", [webhookId]);
  const signed = (id: string) => ({ id, signature: new Webhook(VECTOR.secret).sign(id, new Date(VECTOR.at * 1000), VECTOR.body) });

  it.each([
    ['another body', { body: '{"test": 2432232315}' }], ['another id', { id: 'msg_other' }], ['another time', { at: VECTOR.at + 1 }],
    ['another signature', { signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OF=' }], ['another version', { signature: VECTOR.signature.replace('v1', 'v2') }],
    ['no signature', { signature: '' }], ['half a signature', { signature: 'v1' }], ['no time', { at: Number.NaN }],
  ])('refuse what is forged: %s', async (_, forged) => {
    skewed(0);
    const answer = await post(forged);
    expect(answer.status).toBe(401);
    expect(await answer.json()).toEqual({ error: { message: expect.stringContaining('Standard Webhooks'), type: 'authentication_error', param: null, code: 'unauthenticated' } });
    expect(await tools.sql("SELECT id FROM events WHERE type LIKE 'inbound.%'")).toEqual([]);
  });

  it.each([-301, 301])('refuse what was signed %i seconds off', async (seconds) => {
    skewed(seconds);
    expect((await post()).status).toBe(401);
    expect(await events(VECTOR.id)).toEqual([]);
  });

  it.each([-300, 300])('take what was signed %i seconds off', async (seconds) => {
    skewed(seconds);
    const message = signed(`msg_${seconds}`);
    expect((await post(message)).status).toBe(200);
    expect(await events(message.id)).toHaveLength(1);
  });

  it('take a message once, however often it comes', async () => {
    skewed(0);
    const answers = await Promise.all(Array.from({ length: 20 }, () => post()));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    expect((await post()).status).toBe(200);
    expect(await events(VECTOR.id)).toMatchObject([{ data: { payload: { test: 2432232314 } } }]);
    skewed(301);
    expect((await post()).status).toBe(401);
  });

  it('keep nothing of a message whose event could not be written', async () => {
    skewed(0);
    const message = signed('msg_undone');
    await tools.sql("ALTER TABLE outbox ADD CONSTRAINT full_disk CHECK (job <> 'webhook.fan-out') NOT VALID");
    expect((await post(message)).status).toBe(500);
    await tools.sql('ALTER TABLE outbox DROP CONSTRAINT full_disk');
    expect(await events(message.id)).toEqual([]);
    expect((await post(message)).status).toBe(200);
    expect(await events(message.id)).toHaveLength(1);
  });
});
