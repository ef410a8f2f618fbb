import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { CallLog } from '../../src/calls/call-log.js';
import { callsDropped } from '../../src/observability/metrics.js';
import { callOf } from '../helpers/calls.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { contextOf } from '../helpers/stub-model.js';

const ROWS = 50;

describe('the log of calls when Postgres is away', () => {
  let gateway: Gateway;
  let server: pg.Client;
  let projectId: string;
  let name: string;
  let ended = false;
  beforeAll(async () => {
    gateway = await startGateway({ env: { TRIAD_CALL_LOG_BUFFER_ROWS: String(ROWS) } });
    delete process.env['TRIAD_CALL_LOG_BUFFER_ROWS'];
    ({ projectId } = await contextOf(gateway));
    server = new pg.Client({ connectionString: inject('postgresUrl') });
    await server.connect();
    name = new URL(process.env['DATABASE_URL']!).pathname.slice(1);
  });
  afterAll(async () => {
    if (!ended) await gateway.app.close();
    await server.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await server.end();
  });

  const goAway = async () => {
    await server.query(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS false`);
    await server.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
  };
  const comeBack = () => server.query(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS true`);
  const dropped = async (reason: string) => (await callsDropped.get()).values.find(({ labels }) => labels.reason === reason)?.value ?? 0;
  const written = async (): Promise<string[]> => {
    const client = new pg.Client({ connectionString: process.env['DATABASE_URL']! });
    await client.connect();
    const { rows } = await client.query<{ id: string }>('SELECT id FROM calls ORDER BY id');
    await client.end();
    return rows.map(({ id }) => id);
  };

  it('holds as many as it may, drops and counts the newest beyond, and writes the others once it is back', async () => {
    const log = gateway.app.get(CallLog);
    log.add(callOf(projectId, { id: 'call_01000000000000000000000000' }));
    await log.flush(); // how the project logs is known
    const records = Array.from({ length: ROWS + 7 }, () => callOf(projectId));
    await goAway();
    const before = await dropped('buffer_full');
    records.slice(0, 20).forEach((record) => log.add(record));
    const flushed = log.flush();
    records.slice(20).forEach((record) => log.add(record));
    expect(await dropped('buffer_full') - before).toBe(7);
    await comeBack();
    await flushed;
    await log.flush();
    expect(await written()).toEqual(['call_01000000000000000000000000', ...records.slice(0, ROWS).map(({ id }) => id)]);
  });

  it('writes at the end of the process what it holds', async () => {
    const record = callOf(projectId);
    gateway.app.get(CallLog).add(record);
    ended = true;
    await gateway.app.close();
    expect(await written()).toContain(record.id);
    const before = await dropped('shutdown');
    gateway.app.get(CallLog).add(callOf(projectId));
    expect(await dropped('shutdown') - before).toBe(1);
  });

  it('counts what it cannot write before the process ends', async () => {
    const second = await startGateway();
    const { projectId: own } = await contextOf(second);
    const database = new URL(process.env['DATABASE_URL']!).pathname.slice(1);
    await server.query(`ALTER DATABASE ${database} WITH ALLOW_CONNECTIONS false`);
    await server.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [database]);
    const before = await dropped('shutdown');
    for (let count = 0; count < 3; count += 1) second.app.get(CallLog).add(callOf(own));
    await second.app.close();
    expect(await dropped('shutdown') - before).toBe(3);
    await server.query(`DROP DATABASE ${database} WITH (FORCE)`);
  });
});
