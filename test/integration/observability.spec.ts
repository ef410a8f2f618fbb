import { Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONFIG, type Config } from '../../src/config/config.js';
import { Database } from '../../src/database/database.js';
import { HealthService } from '../../src/observability/health.service.js';
import { StateMetrics } from '../../src/observability/state-metrics.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { startOpenAiFake } from '../helpers/openai-fake.js';

describe('what an operator sees', () => {
  let gateway: Gateway;
  beforeAll(async () => { gateway = await startGateway(); });
  afterAll(() => gateway.stop());
  const config = () => gateway.app.get<Config>(CONFIG);
  const metrics = async () => (await fetch(`${gateway.url}/metrics`)).text();
  const basic = (password: string) => ({ authorization: `Basic ${Buffer.from(`someone:${password}`).toString('base64')}` });

  describe('request ids', () => {
    it.each(['/health/live', '/v1/models', '/nowhere', '/metrics', '/admin/queues'])('are the caller\'s on %s', async (path) => {
      const answer = await gateway.fetch(path, { headers: { 'x-request-id': 'mine_1.2-3' } });
      expect(answer.headers.get('x-request-id')).toBe('mine_1.2-3');
    });

    it.each([['too long', 'x'.repeat(129)], ['not of the characters that a log can hold', 'a b"}{'], ['absent', undefined]])('are made when the caller\'s is %s', async (_, id) => {
      const answer = await gateway.fetch('/health/live', { headers: id === undefined ? {} : { 'x-request-id': id } });
      expect(answer.headers.get('x-request-id')).toMatch(/^req-[0-9a-f-]{36}$/);
    });
  });

  describe('/metrics', () => {
    it('measures requests by route and operations by root field, whatever the client calls them', async () => {
      await gateway.graphql('query AnyNameAtAll { prompts { nodes { name } } }');
      await expect(gateway.graphql('{ prompt(name: "none") { id } }')).rejects.toThrow();
      await gateway.fetch('/v1/models/no/such/model');
      const text = await metrics();
      expect(text).toMatch(/triad_graphql_operation_duration_seconds_count\{type="query",operation="prompts",code="ok"\} 1/);
      expect(text).toMatch(/triad_graphql_operation_duration_seconds_count\{type="query",operation="prompt",code="not_found"\} 1/);
      expect(text).toMatch(/triad_http_request_duration_seconds_count\{method="GET",route="\/v1\/models\/\*",status="404"\} 1/);
      expect(text).not.toContain('AnyNameAtAll');
      expect(text).not.toContain('such/model');
    });

    it('counts what chat completions use, by provider and model', async () => {
      const fake = await startOpenAiFake();
      await gateway.graphql('mutation ($input: CreateProviderInput!) { createProvider(input: $input) { name } }', { input: { name: 'paid', baseUrl: fake.url, prices: [{ model: 'm', input: 500_000, output: 1_000_000 }] } });
      const ask = (model: string) => gateway.fetch('/v1/chat/completions', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] }) });
      expect((await ask('paid/m')).status).toBe(200);
      expect((await ask('paid/limits-rate')).status).toBe(429);
      const text = await metrics();
      expect(text).toContain('triad_gateway_tokens_total{provider="paid",model="m",kind="prompt"} 10');
      expect(text).toContain('triad_gateway_tokens_total{provider="paid",model="m",kind="completion"} 5');
      expect(text).toContain('triad_gateway_cost_total{provider="paid",model="m"} 10');
      expect(text).not.toContain('model="limits-rate"');
      await fake.stop();
    });

    it('shows what waits: runs, outbox, queues, the pool', async () => {
      await gateway.app.get(Database).platform.query(`INSERT INTO outbox (project_id, job, aggregate, payload, created_at)
        VALUES ('proj_test', 'webhook.fan-out', 'none', '{"projectId":"proj_test","eventId":"none"}', now() - interval '1 hour')`);
      const queue = new Queue('fine-tune', { connection: { url: process.env['REDIS_URL']! }, prefix: 'triad' });
      await queue.add('fine-tune.run', { projectId: 'proj_test', jobId: 'none' }, { timestamp: Date.now() - 600_000 });
      await queue.close();
      const read = async () => (await expect.poll(metrics, { timeout: 15_000, interval: 500 }).toMatch(/triad_queue_messages\{queue="fine-tune",state="waiting"\} 1/), metrics());
      const text = await read();
      const value = (name: string) => Number(new RegExp(`^${name.replace(/[{}]/g, '\\$&')} (\\S+)$`, 'm').exec(text)![1]);
      expect(value('triad_outbox_pending')).toBeGreaterThanOrEqual(1);
      expect(value('triad_outbox_oldest_seconds')).toBeGreaterThan(3599);
      expect(value('triad_queue_oldest_waiting_seconds{queue="fine-tune"}')).toBeGreaterThan(599);
      expect(value('triad_postgres_pool_connections{pool="tenants",state="waiting"}')).toBe(0);
      expect(value('triad_metrics_source_up{source="postgres"}')).toBe(1);
      expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
    });

    it('asks Postgres once for scrapes that come together', async () => {
      const { platform } = gateway.app.get(Database);
      const seen = async () => Number((await platform.query<{ calls: string }[]>('SELECT xact_commit AS calls FROM pg_stat_database WHERE datname = current_database()'))[0]!.calls);
      const before = await seen();
      await Promise.all(Array.from({ length: 100 }, () => gateway.app.get(StateMetrics).render()));
      expect(await seen() - before).toBeLessThan(20);
    });

    it('is refused through a proxy, and with a token set to whoever lacks it', async () => {
      expect((await fetch(`${gateway.url}/metrics`, { headers: { 'x-forwarded-for': '203.0.113.7' } })).status).toBe(403);
      config().TRIAD_METRICS_TOKEN = 'a-token-for-prometheus';
      try {
        expect((await fetch(`${gateway.url}/metrics`)).status).toBe(403);
        expect((await gateway.fetch('/metrics')).status).toBe(403); // an API key is not that token
        expect((await fetch(`${gateway.url}/metrics`, { headers: { authorization: 'Bearer a-token-for-prometheus' } })).status).toBe(200);
      } finally {
        delete config().TRIAD_METRICS_TOKEN;
      }
    });
  });

  describe('readiness', () => {
    const ready = async () => {
      const answer = await fetch(`${gateway.url}/health/ready`);
      return { status: answer.status, body: await answer.json() as { status: string; checks: Record<string, { status: string; message?: string }> } };
    };

    it('names every check', async () => {
      const ok = { status: 'ok', milliseconds: expect.any(Number) };
      expect(await ready()).toEqual({ status: 200, body: { status: 'ok', checks: { postgres: ok, migrations: ok, redis: ok, storage: ok } } });
    });

    it('says which migration is missing and how to bring it', async () => {
      const { platform } = gateway.app.get(Database);
      const [[last]] = await platform.query<[{ id: number; name: string; timestamp: string }[], number]>('DELETE FROM migrations WHERE id = (SELECT max(id) FROM migrations) RETURNING *');
      const { status, body } = await ready();
      expect(status).toBe(503);
      expect(body.checks['migrations']!.message).toContain(last!.name);
      expect(body.checks['migrations']!.message).toContain('Mend: node dist/src/migrate.js');
      await platform.query('INSERT INTO migrations (id, name, timestamp) VALUES ($1, $2, $3)', [last!.id, last!.name, last!.timestamp]);
      expect((await ready()).status).toBe(200);
    });

    it('says that storage is not writable, or nearly full', async () => {
      const { TRIAD_HOME, TRIAD_MIN_FREE_BYTES } = config();
      config().TRIAD_HOME = '/no/such/directory';
      expect((await ready()).body.checks['storage']).toMatchObject({ status: 'failed', message: expect.stringContaining('TRIAD_HOME is mounted') });
      Object.assign(config(), { TRIAD_HOME, TRIAD_MIN_FREE_BYTES: Number.MAX_SAFE_INTEGER });
      expect((await ready()).body.checks['storage']).toMatchObject({ status: 'failed', message: expect.stringContaining('bytes are free') });
      config().TRIAD_MIN_FREE_BYTES = TRIAD_MIN_FREE_BYTES;
      expect((await ready()).status).toBe(200);
    });

    it('ends when the process begins to', async () => {
      const other = await startGateway();
      other.app.get(HealthService).beginShutdown();
      const answer = await fetch(`${other.url}/health/ready`);
      expect(answer.status).toBe(503);
      expect(await answer.json()).toMatchObject({ status: 'unavailable', checks: { process: { message: 'The process is shutting down.' } } });
      expect((await fetch(`${other.url}/health/live`)).status).toBe(200);
      await other.stop();
    });
  });

  describe('the board of the queues', () => {
    it('asks a browser for a key, and takes none that is not valid', async () => {
      for (const headers of [{}, basic('triad_nonsense'), { authorization: 'Bearer triad_nonsense' }]) {
        const answer = await fetch(`${gateway.url}/admin/queues/`, { headers });
        expect(answer.status).toBe(401);
        expect(answer.headers.get('www-authenticate')).toMatch(/^Basic realm=/);
      }
      expect((await fetch(`${gateway.url}/admin/queues/api/queues`)).status).toBe(401);
    });

    it('is not shown to the admin of a project, whose messages are a part of what it holds', async () => {
      for (const headers of [basic(gateway.otherKey), { authorization: `Bearer ${gateway.otherKey}` }]) {
        const answer = await fetch(`${gateway.url}/admin/queues/api/queues`, { headers });
        expect(answer.status).toBe(403);
        expect(await answer.json()).toMatchObject({ error: { code: 'forbidden', type: 'permission_error' } });
      }
    });

    it('is a page whose parts load under its own policy', async () => {
      const page = await fetch(`${gateway.url}/admin/queues/`, { headers: basic(gateway.key) });
      expect(page.status).toBe(200);
      const policy = page.headers.get('content-security-policy')!;
      expect(policy).toContain("script-src 'self'");
      expect(policy).not.toContain('upgrade-insecure-requests'); // it would break a board that is served over HTTP
      const html = await page.text();
      const parts = [...html.matchAll(/(?:src|href)="(static\/[^"]+\.(?:js|css))"/g)].map((match) => match[1]!);
      expect(parts.length).toBeGreaterThan(1);
      for (const part of parts) expect((await fetch(`${gateway.url}/admin/queues/${part}`, { headers: basic(gateway.key) })).status).toBe(200);
      expect([...html.matchAll(/<script(?![^>]*\bsrc=)(?![^>]*application\/json)/g)]).toEqual([]); // none inline
    });

    it('lists the queues, and changes nothing', async () => {
      const answer = await fetch(`${gateway.url}/admin/queues/api/queues`, { headers: { authorization: `Bearer ${gateway.key}` } });
      const { queues } = await answer.json() as { queues: { name: string; readOnlyMode: boolean }[] };
      expect(queues.map(({ name, readOnlyMode }) => [name, readOnlyMode])).toEqual([['fine-tune', true], ['evaluation', true], ['experiment', true], ['webhook', true]]);
      const pause = await fetch(`${gateway.url}/admin/queues/api/queues/fine-tune/pause`, { method: 'PUT', headers: basic(gateway.key) });
      expect(pause.status).toBe(405);
    });
  });
});
