import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { generateApiKey } from '../../src/auth/api-key.js';
import { migrate } from '../../src/database/data-source.js';
import { freePort } from '../../src/database/embedded-postgres.js';
import { type OwnServices, startOwnServices } from './own-services.js';
import { type ServiceProcess, startApi, startWorker, type WorkerProcess } from './worker-process.js';
import { writeStub } from './stub-model.js';

/**
 * Triad as it is deployed, with every part a process that may be killed: Postgres, Redis, APIs and workers. `dist` is what
 * runs (`build()`).
 */
export interface Installation {
  services: OwnServices;
  home: string;
  url: string;
  key: string;
  /** As the owner of the tables; connects again for each call. */
  sql<T extends pg.QueryResultRow = any>(statement: string, values?: unknown[]): Promise<T[]>;
  /** Starts the API on `url`, or where the environment says. */
  startApi(env?: Record<string, string>): Promise<ServiceProcess>;
  startWorker(env?: Record<string, string>): Promise<WorkerProcess>;
  /** `fetch` with the key, on a path of the API. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** @throws Error `<code>: <message>` when the answer holds errors. */
  graphql(query: string, variables?: Record<string, unknown>, headers?: Record<string, string>): Promise<Record<string, any>>;
  stop(): Promise<void>;
}

/** @param env for APIs and workers, over what the installation sets */
export async function startInstallation(env: Record<string, string> = {}): Promise<Installation> {
  const home = mkdtempSync(join(tmpdir(), 'triad-installation-'));
  chmodSync(home, 0o755); // an embedded Postgres of root's runs as another user, who must get in
  const services = await startOwnServices(home);
  await migrate(services.postgresUrl);
  const port = String(await freePort());
  const url = `http://127.0.0.1:${port}`;
  const key = generateApiKey();
  const environment = {
    DATABASE_URL: services.postgresUrl, REDIS_URL: services.redisUrl, TRIAD_HOME: home, TRIAD_PORT: port, TRIAD_INTERNAL_URL: url, TRIAD_BOOTSTRAP_KEY: key,
    TRIAD_SECRET_KEY: randomBytes(32).toString('base64'), TRIAD_RUNTIME_URL: 'http://127.0.0.1:9', TRIAD_SCORER_URL: 'http://127.0.0.1:9',
    TRIAD_PYTHON: process.env['TRIAD_PYTHON'] ?? 'trainer/.venv/bin/python', TRIAD_ALLOW_PRIVATE_URLS: '1', TRIAD_LOG_LEVEL: 'error', ...env,
  };
  const processes: ServiceProcess[] = [];
  const kept = <P extends ServiceProcess>(started: P): P => (processes.push(started), started);
  const withKey = (path: string, init: RequestInit = {}) =>
    fetch(`${url}${path}`, { ...init, headers: { authorization: `Bearer ${key}`, ...(init.headers as Record<string, string>) } });
  return {
    services, home, url, key,
    sql: (statement, values) => query(services.postgresUrl, statement, values),
    startApi: async (more = {}) => kept(await startApi({ ...environment, ...more })),
    startWorker: async (more = {}) => kept(await startWorker({ ...environment, ...more })),
    fetch: withKey,
    graphql: async (document, variables = {}, headers = {}) => {
      const response = await withKey('/graphql', { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ query: document, variables }) });
      const { data, errors } = await response.json() as { data: Record<string, any>; errors?: { message: string; extensions: { code: string } }[] };
      if (errors) throw new Error(errors.map(({ message, extensions }) => `${extensions.code}: ${message}`).join('\n'));
      return data;
    },
    stop: async () => {
      for (const each of processes) {
        each.process.kill('SIGCONT');
        await each.end('SIGKILL');
      }
      await services.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function query(url: string, statement: string, values: unknown[] = []): Promise<any[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(statement, values)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** What an installation and a gateway in the test's own process have alike. */
interface Callable extends Pick<Installation, 'home' | 'fetch'> {
  graphql(query: string, variables?: Record<string, unknown>): Promise<Record<string, any>>;
}

/** Makes the model `m` and the suite `s` of `items` questions, for which a fake runtime stands in. */
export async function prepareEvaluation(installation: Callable, items: number): Promise<void> {
  writeStub(installation.home, 'm');
  await installation.graphql('mutation { registerBaseModel(input: { name: "m", source: "m", licence: "apache-2.0" }) { id } }');
  const form = new FormData();
  form.append('purpose', 'evals');
  const rows = Array.from({ length: items }, (_, item) => JSON.stringify({ prompt: `Is it ${item}?`, expected: 'yes' }));
  form.append('file', new Blob([rows.join('\n')]), 'rows.jsonl');
  const { id } = await (await installation.fetch('/v1/files', { method: 'POST', body: form })).json() as { id: string };
  await installation.graphql('mutation ($fileId: ID!) { createDatasetVersion(input: { name: "d", fileId: $fileId, format: prompt, licence: "own" }) { id } }', { fileId: id });
  await installation.graphql('mutation ($input: CreateEvaluationSuiteInput!) { createEvaluationSuite(input: $input) { id } }', {
    input: { name: 's', dataset: 'datasets:/d', grader: { type: 'string_check', operation: 'eq', input: '{{sample.output_text}}', reference: '{{item.expected}}' } },
  });
}

/** Queues an evaluation of `m` on `s`; answers the run's id. */
export async function startEvaluation(installation: Installation, headers: Record<string, string> = {}): Promise<string> {
  return (await installation.graphql('mutation { startEvaluation(input: { suite: "s", model: "models:/m" }) { id } }', {}, headers))['startEvaluation'].id as string;
}
