import { Redis } from 'ioredis';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { join } from 'node:path';
import type { EmbeddedService } from '../../src/database/embedded-postgres.js';
import { startEmbeddedRedis } from '../../src/queue/embedded-redis.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';

/** Row #4 of the matrix. */
let redis: EmbeddedService;
let gateway: Gateway;
const home = mkdtempSync(join(tmpdir(), 'triad-redis-'));
beforeAll(async () => {
  redis = await startEmbeddedRedis(home, process.env['TRIAD_PYTHON'] ?? 'trainer/.venv/bin/python');
  gateway = await startGateway({ env: { REDIS_URL: redis.url } });
});
afterAll(async () => {
  await gateway.stop();
  await redis.stop();
  rmSync(home, { recursive: true, force: true });
});

const ready = async () => {
  const answer = await fetch(`${gateway.url}/health/ready`);
  return { status: answer.status, checks: (await answer.json() as { checks: Record<string, { status: string; message?: string }> }).checks };
};

it('#4: is not ready while Redis may evict, says how to mend it, and is ready again once that is done', async () => {
  const client = new Redis(redis.url);
  expect((await ready()).status).toBe(200);
  await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
  const { status, checks } = await ready();
  expect(status).toBe(503);
  expect(checks['redis']!.message).toBe('Redis has maxmemory-policy allkeys-lru; jobs could vanish. Mend: redis-cli CONFIG SET maxmemory-policy noeviction');
  expect(checks['postgres']!.status).toBe('ok');
  await client.config('SET', 'maxmemory-policy', 'noeviction');
  expect((await ready()).status).toBe(200);
  await client.quit();
});

it('says that Redis is away within the time that a check has, and goes on answering', async () => {
  await redis.stop();
  const { status, checks } = await ready();
  expect(status).toBe(503);
  expect(checks['redis']).toMatchObject({ status: 'failed', message: expect.stringContaining('Mend: Check that Redis runs') });
  expect((await fetch(`${gateway.url}/health/live`)).status).toBe(200);
  expect(await (await fetch(`${gateway.url}/metrics`)).text()).toContain('triad_metrics_source_up{source="redis"} 0');
});
