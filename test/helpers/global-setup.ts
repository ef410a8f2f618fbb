import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { TestProject } from 'vitest/node';
import { migrate } from '../../src/database/data-source.js';
import { type EmbeddedService, startEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { startEmbeddedRedis } from '../../src/queue/embedded-redis.js';
import { createScratchDatabase } from './scratch-database.js';

declare module 'vitest' {
  export interface ProvidedContext {
    postgresUrl: string;
    redisUrl: string;
    templateDatabase: string;
  }
}

/** Real Postgres and Redis for the run: those of DATABASE_URL and REDIS_URL, or the embedded ones; and a migrated template. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const home = mkdtempSync(join(tmpdir(), 'triad-test-'));
  chmodSync(home, 0o755); // an embedded Postgres of root's runs as another user, who must get in
  const started: EmbeddedService[] = [];
  const start = async (service: Promise<EmbeddedService>) => {
    started.push(await service);
    return started.at(-1)!.url;
  };
  const python = process.env['TRIAD_PYTHON'] ?? 'trainer/.venv/bin/python';
  const postgresUrl = process.env['DATABASE_URL'] || await start(startEmbeddedPostgres(home, { durable: false }));
  const redisUrl = process.env['REDIS_URL'] || await start(startEmbeddedRedis(home, python));
  const template = await createScratchDatabase(postgresUrl);
  await migrate(template.url);
  await new Redis(redisUrl).quit();
  project.provide('postgresUrl', postgresUrl);
  project.provide('redisUrl', redisUrl);
  project.provide('templateDatabase', template.name);
  return async () => {
    await template.drop();
    await Promise.all(started.map((service) => service.stop()));
    rmSync(home, { recursive: true, force: true });
  };
}
