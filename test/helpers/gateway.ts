import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { inject } from 'vitest';
import { createApplication } from '../../src/application.js';
import { generateApiKey } from '../../src/auth/api-key.js';
import { AuthService } from '../../src/auth/auth.service.js';
import { CONFIG, type Config } from '../../src/config/config.js';
import { WorkerHost } from '../../src/queue/worker-host.js';
import { createScratchDatabase } from './scratch-database.js';

export interface Gateway {
  app: NestFastifyApplication;
  url: string;
  home: string;
  /** Admin key of project "default". */
  key: string;
  /** Another tenant, with its own key. */
  otherKey: string;
  /** Runs a GraphQL operation over HTTP and returns `data`; throws GraphqlFailure with the errors. */
  graphql<T = Record<string, any>>(query: string, variables?: Record<string, unknown>, key?: string): Promise<T>;
  /** `fetch` with the key, on a path of the API. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  stop(): Promise<void>;
}

export class GraphqlFailure extends Error {
  constructor(readonly errors: { message: string; extensions: { code: string; param?: string } }[]) {
    super(errors.map((error) => `${error.extensions.code}: ${error.message}`).join('\n'));
  }

  get code(): string {
    return this.errors[0]!.extensions.code;
  }
}

/**
 * A gateway of its own on real services: a fresh database from the migrated template, an own Redis database.
 * @param options.worker also start the job consumers in this process
 */
export async function startGateway(options: { worker?: boolean; env?: Record<string, string> } = {}): Promise<Gateway> {
  const database = await createScratchDatabase(inject('postgresUrl'), inject('templateDatabase'));
  const home = mkdtempSync(join(tmpdir(), 'triad-gateway-'));
  const redisUrl = new URL(inject('redisUrl'));
  redisUrl.pathname = `/${await takeRedisDatabase(inject('redisUrl'))}`;
  const key = generateApiKey();
  Object.assign(process.env, {
    DATABASE_URL: database.url, REDIS_URL: redisUrl.toString(), TRIAD_HOME: home, TRIAD_PORT: '0', TRIAD_BOOTSTRAP_KEY: key,
    TRIAD_SECRET_KEY: randomBytes(32).toString('base64'), TRIAD_RUNTIME_URL: 'http://127.0.0.1:9', TRIAD_SCORER_URL: 'http://127.0.0.1:9',
    TRIAD_PYTHON: process.env['TRIAD_PYTHON'] ?? 'trainer/.venv/bin/python', TRIAD_ALLOW_PRIVATE_URLS: '1', TRIAD_LOG_LEVEL: 'warn', ...options.env,
  });
  const app = await createApplication();
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  process.env['TRIAD_INTERNAL_URL'] = app.get<Config>(CONFIG).TRIAD_INTERNAL_URL = url;
  const otherKey = generateApiKey();
  await app.get(AuthService).addKey('other', 'test', otherKey);
  if (options.worker) app.get(WorkerHost).start();
  return {
    app, url, home, key, otherKey,
    fetch: (path, init = {}) => fetch(`${url}${path}`, { ...init, headers: { authorization: `Bearer ${key}`, ...(init.headers as Record<string, string>) } }),
    graphql: (query, variables = {}, as = key) => graphqlOver(url, as, query, variables),
    stop: async () => {
      await app.close();
      await database.drop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function graphqlOver(url: string, key: string, query: string, variables: Record<string, unknown>): Promise<any> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as { data: unknown; errors?: GraphqlFailure['errors'] };
  if (errors) throw new GraphqlFailure(errors);
  return data;
}

/** Redis has 16 databases; each gateway of a run gets an emptied one. */
async function takeRedisDatabase(url: string): Promise<number> {
  const redis = new Redis(url);
  const number = 1 + ((await redis.incr('triad-test:database')) % 15);
  await redis.select(number);
  await redis.flushdb();
  await redis.quit();
  return number;
}
