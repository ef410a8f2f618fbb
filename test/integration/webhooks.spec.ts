import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { generateApiKey } from '../../src/auth/api-key.js';
import { AuthService } from '../../src/auth/auth.service.js';
import { RequestContext } from '../../src/common/request-context.js';
import { Database } from '../../src/database/database.js';
import { EventService } from '../../src/webhooks/event.service.js';
import { WebhookDeliveryLifecycle } from '../../src/webhooks/webhook-delivery.lifecycle.js';
import { WebhookDeliveryService } from '../../src/webhooks/webhook-delivery.service.js';
import { WebhookRepository } from '../../src/webhooks/webhook.repository.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { type Answer, DELIVERIES, JOB, Receiver, WebhookTools } from '../helpers/webhooks.js';

describe('webhooks', () => {
  let gateway: Gateway;
  let ctx: RequestContext;
  let tools: WebhookTools;

  beforeAll(async () => {
    gateway = await startGateway({ worker: true });
    tools = await WebhookTools.of(gateway);
    ctx = tools.ctx;
  });
  afterAll(() => gateway.stop());
  afterEach(() => tools.clear());

  const sql = (query: string, parameters?: unknown[]) => tools.sql(query, parameters);
  const emit = (...args: Parameters<WebhookTools['emit']>) => tools.emit(...args);
  const deliveries = (id: string) => tools.deliveries(id);
  const receive = (answer?: Answer, eventTypes?: string[]) => tools.receive(answer, eventTypes);

  it('delivers an event, signed, once it is committed and only then', async () => {
    const { receiver, secret, delivery } = await receive();
    await expect(gateway.app.get(Database).transaction(ctx, async (tx) => {
      await gateway.app.get(EventService).emit(tx, 'fine_tuning.job.succeeded', { ...JOB, id: 'rolled-back' });
      throw new Error('undo');
    })).rejects.toThrow('undo');
    await emit({ id: 'ftjob_kept' });
    const done = await delivery({ status: 'delivered', nextAttemptAt: null, attempts: [{ status: 200, response: 'ok' }] });
    expect(receiver.received).toHaveLength(1);
    const [message] = receiver.received;
    expect(message!.verify(secret)).toEqual({ type: 'fine_tuning.job.succeeded', version: 1, timestamp: expect.stringMatching(/^\d{4}-.*Z$/), data: { ...JOB, id: 'ftjob_kept' } });
    expect(message!.headers['webhook-id']).toBe(done.event.id);
    const other = await receive();
    expect(() => message!.verify(other.secret)).toThrow('No matching signature');
  });

  it('shows the secret once, and keeps it encrypted', async () => {
    const { id, secret } = await receive();
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const [row] = await sql('SELECT * FROM webhook_endpoints WHERE id = $1', [id]);
    expect(JSON.stringify(row)).not.toContain(secret.slice('whsec_'.length));
    expect(row.encrypted_secret).toMatch(/^v2:/);
  });

  it('sends an endpoint only the types it wants, and refuses a type that there is not', async () => {
    const aliases = await receive(undefined, ['model.alias.moved']);
    const all = await receive();
    await emit();
    await all.receiver.has(1);
    expect(await deliveries(aliases.id)).toEqual([]);
    await expect(receive(undefined, ['constructor'])).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('model.alias.moved') });
    const { webhookEventTypes } = await gateway.graphql('{ webhookEventTypes { name description } }');
    expect(webhookEventTypes).toContainEqual({ name: 'model.alias.moved', description: expect.any(String) });
  });

  it('tries again after five seconds, under the same id with a fresh signature, then after five minutes', async () => {
    const { receiver, secret, delivery } = await receive((response) => response.writeHead(500).end('down'));
    await emit();
    const failing = await delivery({ status: 'pending', attempts: [{ status: 500, response: 'down' }, { status: 500 }] });
    const [first, second] = receiver.received;
    expect(second!.headers['webhook-id']).toBe(first!.headers['webhook-id']);
    expect(Number(second!.headers['webhook-timestamp'])).toBeGreaterThanOrEqual(Number(first!.headers['webhook-timestamp']) + 5);
    expect(second!.verify(secret)).toEqual(first!.verify(secret));
    const wait = Date.parse(failing.nextAttemptAt) - Date.parse(failing.attempts[1].at);
    expect(wait).toBeGreaterThanOrEqual(300_000);
    expect(wait).toBeLessThan(340_000);
  });

  it('disables an endpoint that is gone, which then gets nothing until it is enabled', async () => {
    const { id, receiver, delivery } = await receive((response, count) => response.writeHead(count === 1 ? 410 : 200).end());
    await emit();
    const { id: deliveryId } = await delivery({ status: 'failed', attempts: [{ status: 410 }] });
    const { webhookEndpoints } = await gateway.graphql('{ webhookEndpoints { nodes { id disabledAt disabledReason } } }');
    expect(webhookEndpoints.nodes.find((each: { id: string }) => each.id === id)).toMatchObject({ disabledAt: expect.any(String), disabledReason: expect.stringContaining('410') });
    const watching = await receive();
    await emit();
    await watching.receiver.has(1);
    expect(await deliveries(id)).toHaveLength(1);
    const redeliver = () => gateway.graphql('mutation ($id: ID!) { redeliverWebhook(deliveryId: $id) { status } }', { id: deliveryId });
    await expect(redeliver()).rejects.toMatchObject({ code: 'conflict' });
    await gateway.graphql('mutation ($id: ID!) { enableWebhookEndpoint(id: $id) { disabledAt } }', { id });
    expect(await redeliver()).toEqual({ redeliverWebhook: { status: 'pending' } });
    await delivery({ status: 'delivered', attempts: [{ status: 410 }, { status: 200 }] });
    expect(receiver.received[1]!.headers['webhook-id']).toBe(receiver.received[0]!.headers['webhook-id']);
  });

  it('disables an endpoint after five days of failing', async () => {
    const { id, delivery } = await receive((response) => response.writeHead(302, { location: 'http://127.0.0.1/' }).end());
    await sql("UPDATE webhook_endpoints SET failing_since = now() - interval '5 days' WHERE id = $1", [id]);
    await emit();
    await delivery({ attempts: [{ status: 302 }] });
    await vi.waitFor(async () => {
      const [row] = await sql('SELECT disabled_reason FROM webhook_endpoints WHERE id = $1', [id]);
      expect(row.disabled_reason).toContain('5 days');
    });
  });

  it.each(['redelivered', 'replayed'])('tries a delivery that failed for good and is %s as often as a new one', async (how) => {
    const { id, receiver, delivery } = await receive((response, count) => response.writeHead(count <= 2 ? 500 : 200).end());
    const from = new Date().toISOString();
    await emit();
    const { id: deliveryId } = await delivery({ status: 'pending', attempts: [{ status: 500 }] });
    await sql(`UPDATE webhook_deliveries SET status = 'failed', next_attempt_at = NULL,
      attempts = (SELECT jsonb_agg(d.attempts->0) FROM webhook_deliveries d, generate_series(1, 10) WHERE d.id = $1) WHERE id = $1`, [deliveryId]);
    if (how === 'redelivered') await gateway.graphql('mutation ($id: ID!) { redeliverWebhook(deliveryId: $id) { status } }', { id: deliveryId });
    else await gateway.graphql('mutation ($id: ID!, $from: DateTime!, $to: DateTime!) { replayWebhooks(endpointId: $id, from: $from, to: $to) { id } }', { id, from, to: new Date().toISOString() });
    await receiver.has(2);
    const failing = await delivery({ status: 'pending', attempts: Array.from({ length: 11 }, () => ({ status: 500 })) });
    const wait = Date.parse(failing.nextAttemptAt) - Date.parse(failing.attempts[10].at);
    expect(wait).toBeGreaterThanOrEqual(5_000);
    expect(wait).toBeLessThan(60_000);
    await receiver.has(3);
    expect((await delivery({ status: 'delivered' })).attempts).toHaveLength(12);
  });

  it('makes one attempt of a message that comes ten times at once', async () => {
    const { id, receiver, delivery } = await receive();
    await emit();
    const { id: deliveryId, event } = await delivery({ status: 'delivered' });
    const service = gateway.app.get(WebhookDeliveryService);
    await service.fanOut(ctx, event.id);
    expect(await deliveries(id)).toHaveLength(1);
    await sql("UPDATE webhook_deliveries SET status = 'pending', next_attempt_at = now() WHERE id = $1", [deliveryId]);
    await Promise.all(Array.from({ length: 10 }, () => service.deliver(ctx, deliveryId, new AbortController().signal)));
    expect(receiver.received).toHaveLength(2);
    await delivery({ status: 'delivered', attempts: [{ status: 200 }, { status: 200 }] });
  });

  it('ignores the record of an attempt that was taken over', async () => {
    const { delivery } = await receive();
    await emit();
    const { id } = await delivery({ status: 'delivered' });
    const lifecycle = gateway.app.get(WebhookDeliveryLifecycle);
    const due = () => sql("UPDATE webhook_deliveries SET status = 'pending', next_attempt_at = now() WHERE id = $1", [id]);
    await due();
    const stopped = (await gateway.app.get(WebhookRepository).findDelivery(ctx, id))!;
    expect(await lifecycle.claim(ctx, stopped)).toBe(true);
    expect(await lifecycle.claim(ctx, stopped)).toBe(false);
    await due();
    const taker = { ...stopped };
    expect(await lifecycle.claim(ctx, taker)).toBe(true);
    const outcome = (status: number) => ({ attempt: { at: new Date().toISOString(), status, milliseconds: 1, response: '' }, retryAfterMs: null });
    await lifecycle.record(ctx, taker, outcome(204));
    await lifecycle.record(ctx, stopped, outcome(500));
    await due();
    expect(await lifecycle.claim(ctx, stopped)).toBe(false);
    await sql("UPDATE webhook_deliveries SET status = 'delivered', next_attempt_at = NULL WHERE id = $1", [id]);
    await delivery({ status: 'delivered', nextAttemptAt: null, attempts: [{ status: 200 }, { status: 204 }] });
  });

  it('hands back an attempt when the worker stops, and another makes it', async () => {
    const { receiver, delivery } = await receive((response, count) => { if (count !== 2) response.end('ok'); });
    await emit();
    const { id } = await delivery({ status: 'delivered' });
    await sql("UPDATE webhook_deliveries SET status = 'pending', next_attempt_at = now() WHERE id = $1", [id]);
    const stop = new AbortController();
    const stopped = gateway.app.get(WebhookDeliveryService).deliver(ctx, id, stop.signal);
    await receiver.has(2);
    stop.abort();
    await stopped;
    await delivery({ status: 'delivered', attempts: [{ status: 200 }, { status: 200 }] });
    expect(receiver.received).toHaveLength(3);
  });

  it('finds in Postgres what a wiped Redis forgot: an event not fanned out, a delivery whose time has come', async () => {
    const { id, receiver, delivery } = await receive();
    await sql("INSERT INTO events (id, project_id, type, data, created_at) VALUES ('evt_lost', $1, 'evaluation.succeeded', '{\"id\": \"eval_1\"}', now() - interval '1 minute')", [ctx.projectId]);
    await receiver.has(1);
    await delivery({ status: 'delivered', event: { id: 'evt_lost' } });
    await sql("UPDATE webhook_deliveries SET status = 'pending', next_attempt_at = now() - interval '1 minute' WHERE endpoint_id = $1", [id]);
    await receiver.has(2);
    await delivery({ status: 'delivered', attempts: [{ status: 200 }, { status: 200 }] });
  });

  it('forgets what ended long ago, and nothing that is still to be delivered', async () => {
    const { id, receiver, delivery } = await receive();
    await emit();
    await receiver.has(1);
    await delivery({ status: 'delivered' });
    await sql("INSERT INTO events (id, project_id, type, data, fanned_out_at) VALUES ('evt_0', $1, 'evaluation.succeeded', '{\"id\": \"eval_1\"}', now())", [ctx.projectId]);
    await sql("INSERT INTO webhook_deliveries (id, project_id, event_id, endpoint_id, next_attempt_at) VALUES ('whd_0', $1, 'evt_0', $2, now() + interval '1 hour')", [ctx.projectId, id]);
    const repository = gateway.app.get(WebhookRepository);
    const left = async () => ((await sql('SELECT id FROM webhook_deliveries WHERE endpoint_id = $1', [id])) as { id: string }[]).map((row) => row.id);
    expect(await repository.forgetBefore(new Date(Date.now() - 60_000), 100)).toBe(0);
    expect(await left()).toHaveLength(2);
    expect(await repository.forgetBefore(new Date(Date.now() + 60_000), 10_000)).toBeGreaterThanOrEqual(2);
    expect(await left()).toEqual(['whd_0']);
    expect(await sql("SELECT id FROM events WHERE id = 'evt_0'")).toHaveLength(1);
  });

  it('keeps tenants apart: neither their endpoints nor their events are seen', async () => {
    const { id, receiver, delivery } = await receive();
    await emit();
    const { id: deliveryId } = await delivery({ status: 'delivered' });
    const as = (query: string, variables: object) => gateway.graphql(query, { ...variables }, gateway.otherKey);
    const missing = { code: 'not_found' };
    await expect(as(DELIVERIES, { id })).rejects.toMatchObject(missing);
    await expect(as('mutation ($id: ID!) { disableWebhookEndpoint(id: $id) { id } }', { id })).rejects.toMatchObject(missing);
    await expect(as('mutation ($id: ID!) { enableWebhookEndpoint(id: $id) { id } }', { id })).rejects.toMatchObject(missing);
    await expect(as('mutation ($id: ID!) { redeliverWebhook(deliveryId: $id) { id } }', { id: deliveryId })).rejects.toMatchObject(missing);
    expect(await as('{ webhookEndpoints { nodes { id } } }', {})).toEqual({ webhookEndpoints: { nodes: [] } });
    const others = await tools.receiver();
    await as('mutation ($url: String!) { createWebhookEndpoint(url: $url) { secret } }', { url: others.url });
    const otherProject = await gateway.app.get(AuthService).addKey('other', 'spec', generateApiKey());
    await emit({ id: 'theirs' }, RequestContext.forKey(otherProject, 'spec', 'admin', 'spec'));
    await others.has(1);
    expect(JSON.parse(others.received[0]!.body)).toMatchObject({ data: { id: 'theirs' } });
    expect(receiver.received).toHaveLength(1);
  });

  it('refuses an event that is too large for a webhook, or outside a transaction', async () => {
    await expect(emit({ model: 'x'.repeat(20_000) })).rejects.toThrow('at most 19000');
    await expect(gateway.app.get(EventService).emit(ctx, 'evaluation.succeeded', { id: 'eval_1' })).rejects.toThrow('needs a transaction');
  });

  it('refuses an event whose data are not what the catalogue says', async () => {
    await expect(tools.emitEvent('evaluation.failed', { id: 'eval_1' } as never)).rejects.toThrow(/evaluation\.failed.*\n.*code/s);
    await expect(tools.emitEvent('evaluation.succeeded', { id: 'eval_1', secret: 'x' } as never)).rejects.toThrow('secret');
    expect(await sql("SELECT count(*)::int AS events FROM events WHERE data->>'secret' IS NOT NULL")).toEqual([{ events: 0 }]);
  });
});

describe('webhooks where private addresses are not allowed', () => {
  let gateway: Gateway;
  beforeAll(async () => { gateway = await startGateway({ worker: true, env: { TRIAD_ALLOW_PRIVATE_URLS: '0' } }); });
  afterAll(() => gateway.stop());

  it.each(['http://example.com/', 'https://169.254.169.254/latest', 'https://2130706433/', 'https://[::ffff:10.0.0.1]/', 'https://[64:ff9b::a9fe:a9fe]/'])('refuses the endpoint %s', async (url) => {
    await expect(gateway.graphql('mutation ($url: String!) { createWebhookEndpoint(url: $url) { secret } }', { url })).rejects.toMatchObject({ code: 'bad_input', errors: [{ extensions: { param: 'url' } }] });
  });

  it('sends no byte to a name that resolves to a private address', async () => {
    const receiver = await Receiver.start();
    const { createWebhookEndpoint: { endpoint } } = await gateway.graphql('mutation { createWebhookEndpoint(url: "https://example.com/hook") { endpoint { id } } }');
    const database = gateway.app.get(Database);
    await database.platform.query('UPDATE webhook_endpoints SET url = $2 WHERE id = $1', [endpoint.id, receiver.url.replace('127.0.0.1', 'localhost')]);
    const projectId = await gateway.app.get(AuthService).addKey('default', 'spec', generateApiKey());
    await database.transaction(RequestContext.forKey(projectId, 'spec', 'admin', 'spec'), (tx) => gateway.app.get(EventService).emit(tx, 'evaluation.succeeded', { id: 'eval_1' }));
    await vi.waitFor(async () => {
      const { webhookDeliveries: { nodes } } = await gateway.graphql(DELIVERIES, { id: endpoint.id });
      expect(nodes).toMatchObject([{ status: 'pending', attempts: [{ status: null, response: expect.stringContaining('not a public address') }] }]);
    }, { timeout: 30_000 });
    expect(receiver.received).toEqual([]);
    receiver.stop();
  });
});
