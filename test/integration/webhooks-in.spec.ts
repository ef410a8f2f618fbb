import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { WebhookTools } from '../helpers/webhooks.js';

const INBOUND = 'inboundWebhook { id path provider description previousSecretUntil } secret';
/** As OpenAI documents its webhooks. */
const OPENAI_EVENT = { object: 'event', id: 'evt_abc', type: 'fine_tuning.job.succeeded', created_at: 1719168000, data: { id: 'ftjob-abc123' } };

describe('webhooks in', () => {
  let gateway: Gateway;
  let tools: WebhookTools;
  beforeAll(async () => {
    gateway = await startGateway({ worker: true });
    tools = await WebhookTools.of(gateway);
  });
  afterAll(() => gateway.stop());
  afterEach(() => tools.clear());

  const create = (provider: string, secret?: string) => tools.mutate(`createInboundWebhook(provider: $provider, secret: $secret, description: "theirs") { ${INBOUND} }`,
    '$provider: InboundProvider!, $secret: String', { provider, secret });
  const rotate = (id: string, secret: string | null, overlapSeconds: number, key?: string) => tools.mutate(`rotateInboundWebhookSecret(id: $id, secret: $secret, overlapSeconds: $overlap) { ${INBOUND} }`,
    '$id: ID!, $secret: String, $overlap: Int!', { id, secret, overlap: overlapSeconds }, key);
  let sent = 0;
  const post = (path: string, secret: string, body: string, headers: Record<string, string> = {}) => {
    const at = new Date();
    const id = `msg_${sent += 1}`;
    return fetch(`${gateway.url}${path}`, { method: 'POST', body, headers: {
      'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': String(Math.floor(at.getTime() / 1000)), 'webhook-signature': new Webhook(secret).sign(id, at, body), ...headers,
    } });
  };
  const events = () => tools.sql("SELECT data FROM events WHERE type LIKE 'inbound.%'").then((rows: { data: any }[]) => rows.map(({ data }) => data));

  it('become events that go to the endpoints which want them', async () => {
    const { receiver, secret: signs } = await tools.receive(undefined, ['inbound.openai']);
    const other = await tools.receive(undefined, ['fine_tuning.job.succeeded']);
    const { inboundWebhook: { id, path }, secret } = await create('openai');
    expect(path).toBe(`/v1/hooks/openai/${id}`);
    const answer = await post(path, secret, JSON.stringify(OPENAI_EVENT));
    expect([answer.status, await answer.json()]).toEqual([200, { received: true }]);
    await receiver.has(1);
    expect(receiver.received[0]!.verify(signs)).toMatchObject({ type: 'inbound.openai', version: 1, data: { inboundWebhookId: id, webhookId: `msg_${sent}`, type: 'fine_tuning.job.succeeded', payload: OPENAI_EVENT } });
    expect(await tools.deliveries(other.id)).toEqual([]);
  });

  it('are taken whole when their type is long, which is then not told beside the payload', async () => {
    const { inboundWebhook: { id, path }, secret } = await create('standard');
    const body = { type: 'é'.repeat(5_000), rest: 'x'.repeat(7_000) };
    expect((await post(path, secret, JSON.stringify(body))).status).toBe(200);
    expect(await events()).toContainEqual({ inboundWebhookId: id, webhookId: `msg_${sent}`, type: null, payload: body });
  });

  it('take the secret that the sender made, and during an overlap the one before', async () => {
    const { inboundWebhook: { id, path }, secret: first } = await create('openai');
    const theirs = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const status = async (secret: string) => (await post(path, secret, '{"type":"x"}')).status;
    expect(await rotate(id, theirs, 0)).toMatchObject({ secret: null, inboundWebhook: { previousSecretUntil: null } });
    expect([await status(theirs), await status(first)]).toEqual([200, 401]);
    const { secret: next, inboundWebhook: { previousSecretUntil } } = await rotate(id, null, 600);
    expect(Date.parse(previousSecretUntil)).toBeGreaterThan(Date.now());
    expect([await status(next), await status(theirs), await status(first)]).toEqual([200, 200, 401]);
    await tools.sql('UPDATE inbound_webhooks SET previous_secret_until = now() WHERE id = $1', [id]);
    expect([await status(next), await status(theirs)]).toEqual([200, 401]);
    const [row] = await tools.sql('SELECT * FROM inbound_webhooks WHERE id = $1', [id]);
    for (const secret of [first, theirs, next]) expect(JSON.stringify(row)).not.toContain(secret.slice('whsec_'.length));
    await expect(rotate(id, 'whsec_not base64', 0)).rejects.toMatchObject({ code: 'bad_input' });
    await expect(rotate(id, 'whsec_c2hvcnQ=', 0)).rejects.toMatchObject({ code: 'bad_input' });
    await expect(rotate(id, null, 604_801)).rejects.toMatchObject({ code: 'bad_input' });
  });

  it('are taken when one of several signatures verifies', async () => {
    const { inboundWebhook: { path }, secret } = await create('standard');
    const body = '{"é":"\\u00e9"}';
    const at = new Date();
    const right = new Webhook(secret).sign('msg_several', at, body);
    const signed = (signature: string) => post(path, secret, body, { 'webhook-id': 'msg_several', 'webhook-timestamp': String(Math.floor(at.getTime() / 1000)), 'webhook-signature': signature });
    expect((await signed(`v1a,${'A'.repeat(44)} v1,${'A'.repeat(43)}=`)).status).toBe(401);
    expect((await signed(`v1a,${'A'.repeat(44)} v1,${'A'.repeat(43)}= ${right}`)).status).toBe(200);
  });

  it.each([
    ['a list', '[]', {}, 400, 'bad_data'],
    ['no JSON', '{', {}, 400, 'bad_input'],
    ['another content type', '{}', { 'content-type': 'text/plain' }, 400, 'bad_input'],
    ['a NUL', '{"a":["\\u0000"]}', {}, 400, 'bad_data'],
    ['half a surrogate pair', '{"\\ud800":1}', {}, 400, 'bad_data'],
    ['33 levels', `{"a":${'['.repeat(32)}${']'.repeat(32)}}`, {}, 400, 'bad_data'],
    ['too many bytes', JSON.stringify({ a: 'x'.repeat(18_000) }), {}, 413, 'too_large'],
    ['numbers that grow', `{"a":[${'1e20,'.repeat(3_000)}1]}`, {}, 413, 'too_large'],
  ])('refuse %s', async (_, body, headers, status, code) => {
    const { inboundWebhook: { path }, secret } = await create('standard');
    const before = (await events()).length;
    const answer = await post(path, secret, body, headers);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ error: { code, type: 'invalid_request_error', message: expect.any(String) } });
    expect(await events()).toHaveLength(before);
  });

  it('take what is as deep and as large as may be', async () => {
    const { inboundWebhook: { path }, secret } = await create('standard');
    expect((await post(path, secret, `{"a":${'['.repeat(31)}${']'.repeat(31)}}`)).status).toBe(200);
    const receiving = await tools.receive();
    expect((await post(path, secret, JSON.stringify({ a: 'x'.repeat(17_990) }))).status).toBe(200);
    await receiving.receiver.has(1);
    expect(receiving.receiver.received[0]!.body.length).toBeLessThan(20_000);
  });

  it('have a URL that takes nothing after deletion, with another provider, or to another tenant', async () => {
    const { inboundWebhook: { id, path }, secret } = await create('openai');
    const { inboundWebhooks } = await gateway.graphql('{ inboundWebhooks { nodes { id description } } }');
    expect(inboundWebhooks.nodes).toContainEqual({ id, description: 'theirs' });
    const { otherKey } = gateway;
    const missing = { code: 'not_found' };
    await expect(gateway.graphql('query ($id: ID!) { inboundWebhook(id: $id) { id } }', { id }, otherKey)).rejects.toMatchObject(missing);
    await expect(rotate(id, null, 0, otherKey)).rejects.toMatchObject(missing);
    await expect(tools.mutate('deleteInboundWebhook(id: $id)', '$id: ID!', { id }, otherKey)).rejects.toMatchObject(missing);
    expect(await gateway.graphql('{ inboundWebhooks { nodes { id } } }', {}, otherKey)).toEqual({ inboundWebhooks: { nodes: [] } });
    expect((await post(path, secret, '{}')).status).toBe(200);
    const wrong = await post(path.replace('openai', 'standard'), secret, '{}');
    expect([wrong.status, await wrong.json()]).toMatchObject([401, { error: { code: 'unauthenticated' } }]);
    await tools.mutate('deleteInboundWebhook(id: $id)', '$id: ID!', { id });
    expect((await post(path, secret, '{}')).status).toBe(401);
    await expect(tools.mutate('deleteInboundWebhook(id: $id)', '$id: ID!', { id })).rejects.toMatchObject(missing);
  });
});
