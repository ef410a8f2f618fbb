import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import type { Service } from '../../demo/service.js';
import type { Latency } from './report.js';

const PER_SECOND = 200;
const SECONDS = 20;
const WARM_UP_SECONDS = 3;

/**
 * From the COMMIT of a transaction with an event and its outbox row, in this process, to the start of the handler's own
 * transaction in the worker process, at a steady rate that does not wait for answers. Both ends are read off one clock:
 * the first just before COMMIT is sent, so it counts too much rather than too little.
 */
export async function benchOutbox(service: Service, postgresUrl: string, redisUrl: string): Promise<Latency> {
  Object.assign(process.env, {
    DATABASE_URL: postgresUrl, REDIS_URL: redisUrl, TRIAD_SECRET_KEY: randomBytes(32).toString('base64'), TRIAD_RUNTIME_URL: service.url, TRIAD_SCORER_URL: service.url,
  });
  const { AppModule } = await import('../../src/app.module.js');
  const { Database } = await import('../../src/database/database.js');
  const { EventService } = await import('../../src/webhooks/event.service.js');
  const { RequestContext } = await import('../../src/common/request-context.js');
  const app = await NestFactory.createApplicationContext(AppModule as Type, { logger: ['error'] });
  const client = new pg.Client({ connectionString: postgresUrl });
  await client.connect();
  try {
    const { rows: [project] } = await client.query<{ id: string }>("SELECT id FROM projects WHERE name = 'default'");
    const ctx = RequestContext.forJob(project!.id, 'bench');
    const command = (mark: string) => app.get(Database).transaction(ctx, async (tx) => {
      await app.get(EventService).emit(tx, 'model.alias.moved', { model: mark, alias: 'bench', version: 1, previousVersion: null, modelVersionId: mark });
      return performance.timeOrigin + performance.now();
    });
    await atRate(WARM_UP_SECONDS, () => command('warm-up'));
    const committed = await atRate(SECONDS, (index) => command(`bench-${index}`));
    return { name: `outbox to worker at ${PER_SECOND} commands/s`, ...summary(await handled(client, committed)) };
  } finally {
    await client.end();
    await app.close();
  }
}

/** Starts `work` at PER_SECOND, on time whether or not earlier ones are done. */
async function atRate<T>(seconds: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const started: Promise<T>[] = [];
  const from = performance.now();
  while (started.length < seconds * PER_SECOND) {
    const due = Math.min(seconds * PER_SECOND, Math.floor(((performance.now() - from) * PER_SECOND) / 1000));
    while (started.length < due) started.push(work(started.length));
    await wait(1);
  }
  return Promise.all(started);
}

/** Milliseconds of each command, once the worker has handled all of them. */
async function handled(client: pg.Client, committed: number[]): Promise<number[]> {
  for (;;) {
    const { rows } = await client.query<{ mark: string; at: string }>(
      "SELECT data->>'model' AS mark, extract(epoch FROM fanned_out_at) * 1000 AS at FROM events WHERE data->>'model' LIKE 'bench-%' AND fanned_out_at IS NOT NULL");
    if (rows.length === committed.length) return rows.map(({ mark, at }) => Number(at) - committed[Number(mark.slice('bench-'.length))]!);
    await wait(100);
  }
}

function summary(milliseconds: number[]): Omit<Latency, 'name'> {
  const sorted = milliseconds.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: sorted.at(-1)! };
}
