import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { EVENT_TYPES } from '../../src/webhooks/event-types.js';
import { WebhookReplayService } from '../../src/webhooks/webhook-replay.service.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { DELIVERIES, JOB, WebhookTools } from '../helpers/webhooks.js';

const ENDPOINT = 'id url description eventTypes disabledAt disabledReason failingSince previousSecretUntil';
const REPLAY = 'id events replayed finishedAt';

describe('webhook endpoints', () => {
  let gateway: Gateway;
  let tools: WebhookTools;
  beforeAll(async () => {
    gateway = await startGateway({ worker: true });
    tools = await WebhookTools.of(gateway);
  });
  afterAll(() => gateway.stop());
  afterEach(() => tools.clear());

  const endpoint = async (id: string) => (await gateway.graphql(`query ($id: ID!) { webhookEndpoint(id: $id) { ${ENDPOINT} } }`, { id }))['webhookEndpoint'];
  const update = (variables: object) => tools.mutate(`updateWebhookEndpoint(id: $id, url: $url, eventTypes: $types, description: $description) { ${ENDPOINT} }`,
    '$id: ID!, $url: String, $types: [String!], $description: String', { ...variables });
  const byId = (field: string, id: string, key?: string) => tools.mutate(field, '$id: ID!', { id }, key);
  const sendTest = (id: string, key?: string) => byId('sendTestWebhook(endpointId: $id) { id status event { id type data } }', id, key);
  const replay = (id: string, from: Date, to: Date, types?: string[] | null, key?: string) => tools.mutate(`replayWebhooks(endpointId: $id, from: $from, to: $to, eventTypes: $types) { ${REPLAY} }`,
    '$id: ID!, $from: DateTime!, $to: DateTime!, $types: [String!]', { id, from, to, types }, key);
  const readReplay = async (id: string, key?: string) => (await gateway.graphql(`query ($id: ID!) { webhookReplay(id: $id) { ${REPLAY} } }`, { id }, key))['webhookReplay'];
  const replayed = (id: string, count: number) => vi.waitFor(async () => expect(await readReplay(id)).toMatchObject({ replayed: count, finishedAt: expect.any(String) }), { timeout: 30_000, interval: 50 });
  /** Events of a time of their own, as if they had been told long ago. */
  const past = (at: string, count: number, type = 'fine_tuning.job.succeeded', data: object = JOB) => tools.sql(
    `INSERT INTO events (id, project_id, type, data, created_at, fanned_out_at)
     SELECT 'evt_past_' || md5(random()::text), $1, $2, $3, $4::timestamptz + number * interval '1 microsecond', now() FROM generate_series(1, $5::int) AS number`,
    [tools.ctx.projectId, type, data, at, count]);

  it('are changed in what is given, and only in that', async () => {
    const { id, delivery } = await tools.receive((response) => response.writeHead(500).end());
    await tools.emit();
    await delivery({ attempts: [{ status: 500 }] });
    const other = await tools.receiver();
    expect(await update({ id, description: 'billing' })).toMatchObject({ description: 'billing', eventTypes: [], failingSince: expect.any(String) });
    expect(await update({ id, url: other.url, types: ['evaluation.succeeded'] })).toMatchObject({ url: other.url, description: 'billing', eventTypes: ['evaluation.succeeded'], failingSince: null });
    expect(await update({ id, description: null })).toMatchObject({ description: null, eventTypes: ['evaluation.succeeded'] });
    await tools.emitEvent('evaluation.succeeded', { id: 'eval_1' });
    await vi.waitFor(() => expect(other.data('evaluation.succeeded')).toEqual([{ id: 'eval_1' }]), { timeout: 30_000 });
    await expect(update({ id, types: ['nothing'] })).rejects.toMatchObject({ code: 'bad_input' });
    await expect(update({ id, url: 'ftp://example.com' })).rejects.toMatchObject({ code: 'bad_input' });
    await expect(update({ id, description: 'x'.repeat(501) })).rejects.toMatchObject({ code: 'bad_input' });
  });

  it('are deleted with their deliveries; a message that is still on its way does nothing', async () => {
    const { id, receiver, delivery } = await tools.receive((response) => response.writeHead(500).end());
    await tools.emit();
    await delivery({ attempts: [{ status: 500 }] });
    expect(await byId('deleteWebhookEndpoint(id: $id)', id)).toBe(id);
    await expect(endpoint(id)).rejects.toMatchObject({ code: 'not_found' });
    expect(await tools.sql('SELECT id FROM webhook_deliveries WHERE endpoint_id = $1', [id])).toEqual([]);
    await tools.sql("INSERT INTO webhook_deliveries (id, project_id, event_id, endpoint_id, next_attempt_at) SELECT 'whd_late', project_id, id, $1, now() - interval '1 minute' FROM events LIMIT 1", [id]);
    await vi.waitFor(async () => expect(await tools.sql("SELECT status FROM webhook_deliveries WHERE id = 'whd_late'")).toEqual([{ status: 'failed' }]), { timeout: 30_000 });
    expect(receiver.received).toHaveLength(1);
  });

  it('get a test event alone, whatever they want otherwise', async () => {
    const tested = await tools.receive(undefined, ['model.alias.moved']);
    const other = await tools.receive();
    expect(await sendTest(tested.id)).toMatchObject({ status: 'pending', event: { type: 'webhook.test', data: { endpointId: tested.id } } });
    await tested.delivery({ status: 'delivered', event: { type: 'webhook.test' } });
    expect(tested.receiver.received[0]!.verify(tested.secret)).toMatchObject({ type: 'webhook.test', data: { endpointId: tested.id } });
    const seen = new Date();
    await tools.emit();
    await other.receiver.has(1);
    expect(other.receiver.data('webhook.test')).toEqual([]);
    expect((await replay(other.id, new Date(seen.getTime() - 60_000), seen, ['webhook.test'])).events).toBe(0);
    await byId('disableWebhookEndpoint(id: $id) { id }', tested.id);
    await expect(sendTest(tested.id)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('tell the others when one is disabled for its failures; what was pending fails and can be replayed', async () => {
    const watching = await tools.receive(undefined, ['webhook_endpoint.disabled']);
    let gone = false;
    const { id, receiver } = await tools.receive((response) => response.writeHead(gone ? 410 : 503, { 'retry-after': '7200' }).end());
    const from = new Date();
    await tools.emit({ id: 'ftjob_first' });
    await receiver.has(1);
    await vi.waitFor(async () => expect(await tools.deliveries(id)).toMatchObject([{ status: 'pending', attempts: [{ status: 503 }] }]));
    gone = true;
    await tools.emit({ id: 'ftjob_second' });
    await watching.delivery({ status: 'delivered' });
    const { disabledAt, disabledReason } = await endpoint(id);
    expect(watching.receiver.data('webhook_endpoint.disabled')).toEqual([{ id, reason: 'gone', message: disabledReason, disabledAt }]);
    expect(disabledReason).toContain('410');
    expect(await tools.deliveries(id)).toMatchObject([{ status: 'failed', attempts: [{ status: 410 }] }, { status: 'failed', nextAttemptAt: null, attempts: [{ status: 503 }] }]);

    await tools.emit({ id: 'ftjob_missed' });
    await vi.waitFor(async () => expect(await tools.sql('SELECT id FROM events WHERE fanned_out_at IS NULL')).toEqual([]));
    const moved = await tools.receiver();
    await expect(replay(id, from, new Date())).rejects.toMatchObject({ code: 'conflict' });
    await byId('enableWebhookEndpoint(id: $id) { id }', id);
    await update({ id, url: moved.url });
    expect((await replay(id, from, new Date(), ['fine_tuning.job.succeeded'])).events).toBe(3);
    await moved.has(3);
    expect(moved.data('fine_tuning.job.succeeded').map((data) => data.id).sort()).toEqual(['ftjob_first', 'ftjob_missed', 'ftjob_second']);
    const ids = (received: { headers: object; body: string }[]) => received.map(({ headers }) => (headers as Record<string, string>)['webhook-id']);
    expect(ids(moved.received)).toEqual(expect.arrayContaining(ids(receiver.received)));
  });

  it('are replayed the events of before they were made, in batches, once each', async () => {
    await past('2020-01-01T00:00:00Z', 250);
    await past('2020-01-01T12:00:00Z', 3, 'evaluation.succeeded', { id: 'eval_1' });
    await past('2020-01-02T00:00:00Z', 1);
    const { id, receiver } = await tools.receive(undefined, ['fine_tuning.job.succeeded']);
    const day = [new Date('2020-01-01T00:00:00Z'), new Date('2020-01-02T00:00:00Z')] as const;
    const { id: replayId, events } = await replay(id, ...day);
    expect(events).toBe(250);
    await replayed(replayId, 250);
    await receiver.has(250);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(250);
    await gateway.app.get(WebhookReplayService).run(tools.ctx, replayId);
    expect(await readReplay(replayId)).toMatchObject({ replayed: 250 });

    const others = await replay(id, ...day, ['evaluation.succeeded']);
    expect(others.events).toBe(3);
    await receiver.has(253);
    expect((await replay(id, ...day, [])).events).toBe(253);
    await receiver.has(506);
    await expect(replay(id, day[1], day[0])).rejects.toMatchObject({ code: 'bad_input' });
    await expect(replay(id, ...day, ['nothing'])).rejects.toMatchObject({ code: 'bad_input' });
  });

  it('go on with a replay whose message was lost, and end it when they are disabled', async () => {
    await past('2021-01-01T00:00:00Z', 2);
    const { id, receiver } = await tools.receive();
    const lost = (replayId: string) => tools.sql(`INSERT INTO webhook_replays (id, project_id, endpoint_id, since, until, event_types, events, progress_at)
      VALUES ($1, $2, $3, '2021-01-01', '2021-01-02', '{}', 2, now() - interval '1 minute')`, [replayId, tools.ctx.projectId, id]);
    await lost('whr_lost');
    await receiver.has(2);
    await replayed('whr_lost', 2);
    await byId('disableWebhookEndpoint(id: $id) { id }', id);
    await lost('whr_disabled');
    await replayed('whr_disabled', 0);
    expect(receiver.received).toHaveLength(2);
  });

  it('list their deliveries by status, event type and time', async () => {
    const { id, receiver } = await tools.receive((response, count) => response.writeHead(count === 1 ? 500 : 200).end());
    await tools.emit();
    await vi.waitFor(async () => expect(await tools.deliveries(id)).toMatchObject([{ attempts: [{ status: 500 }] }]));
    await tools.emitEvent('evaluation.succeeded', { id: 'eval_1' });
    await receiver.has(2);
    await vi.waitFor(async () => expect(await tools.deliveries(id, { status: 'delivered' })).toMatchObject([{ event: { type: 'evaluation.succeeded', version: 1 } }]));
    const [newer, older] = await tools.deliveries(id);
    expect(await tools.deliveries(id, { eventType: 'fine_tuning.job.succeeded' })).toMatchObject([{ id: older.id }]);
    const between = new Date(Math.ceil((Date.parse(older.createdAt) + Date.parse(newer.createdAt)) / 2));
    expect(await tools.deliveries(id, { since: between })).toMatchObject([{ id: newer.id }]);
    expect(await tools.deliveries(id, { until: between })).toMatchObject([{ id: older.id }]);
    const { webhookDeliveries: { pageInfo, nodes } } = await gateway.graphql(DELIVERIES, { id, first: 1 });
    expect(nodes).toMatchObject([{ id: newer.id }]);
    expect((await gateway.graphql(DELIVERIES, { id, first: 1, after: pageInfo.endCursor }))['webhookDeliveries'].nodes).toMatchObject([{ id: older.id }]);
    await expect(tools.deliveries(id, { eventType: 'nothing' })).rejects.toMatchObject({ code: 'bad_input' });
  });

  it('may want each event of the catalogue, whose schemas are told', async () => {
    const { webhookEventTypes } = await gateway.graphql('{ webhookEventTypes { name version schema } }');
    expect(webhookEventTypes.map((each: { name: string }) => each.name)).toEqual(Object.keys(EVENT_TYPES));
    expect(webhookEventTypes[0]).toMatchObject({ version: 1, schema: { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'fine_tuning.job.succeeded' } });
  });

  it('are another tenant\'s: not found', async () => {
    const { id, delivery } = await tools.receive();
    await tools.emit();
    await delivery({ status: 'delivered' });
    const own = await replay(id, new Date('2019-01-01'), new Date('2019-01-02'));
    const missing = { code: 'not_found' };
    const { otherKey } = gateway;
    await expect(gateway.graphql('query ($id: ID!) { webhookEndpoint(id: $id) { id } }', { id }, otherKey)).rejects.toMatchObject(missing);
    await expect(readReplay(own.id, otherKey)).rejects.toMatchObject(missing);
    await expect(byId('updateWebhookEndpoint(id: $id, eventTypes: []) { id }', id, otherKey)).rejects.toMatchObject(missing);
    await expect(byId('rotateWebhookSecret(id: $id) { secret }', id, otherKey)).rejects.toMatchObject(missing);
    await expect(byId('deleteWebhookEndpoint(id: $id)', id, otherKey)).rejects.toMatchObject(missing);
    await expect(sendTest(id, otherKey)).rejects.toMatchObject(missing);
    await expect(replay(id, new Date('2019-01-01'), new Date('2019-01-02'), null, otherKey)).rejects.toMatchObject(missing);
    expect(await endpoint(id)).toMatchObject({ disabledAt: null, previousSecretUntil: null });
    expect(await tools.deliveries(id)).toHaveLength(1);
  });
});
