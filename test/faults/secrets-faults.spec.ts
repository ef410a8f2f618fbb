import { execFile, fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { currentPrefix, decryptSecret, encryptSecret, type SecretKeys, type SecretPlace } from '../../src/common/secrets.js';
import { Database } from '../../src/database/database.js';
import { secretStores, type SecretStore } from '../../src/database/secret-rotation.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { build } from '../helpers/worker-process.js';

const ROWS = 40;
const newKey = () => randomBytes(32).toString('base64');
const keysUnder = (TRIAD_SECRET_KEY: string, ...TRIAD_SECRET_KEYS_OLD: string[]): SecretKeys => ({ TRIAD_SECRET_KEY, TRIAD_SECRET_KEYS_OLD });
const environment = ({ TRIAD_SECRET_KEY, TRIAD_SECRET_KEYS_OLD }: SecretKeys) => ({ ...process.env, TRIAD_SECRET_KEY, TRIAD_SECRET_KEYS_OLD: TRIAD_SECRET_KEYS_OLD.join(',') });

interface Row extends SecretPlace { stored: string }

/** Number 30: rotation of the key-encryption key, killed at every kind of moment. */
describe('#30 faults while keys are rotated', () => {
  let gateway: Gateway;
  let stores: SecretStore[];
  let current = newKey();
  /** What each row must hold, by `<column> <id>`. */
  const plain = new Map<string, string>();
  const nameOf = ({ column, id }: Pick<SecretPlace, 'column' | 'id'>) => `${column} ${id}`;
  const sql = (query: string, parameters: unknown[] = []): Promise<any> => gateway.app.get(Database).platform.query(query, parameters);

  async function rows(): Promise<Row[]> {
    const found = await Promise.all(stores.map(async ({ column, table, id, secret }) => {
      const read: Omit<Row, 'column'>[] = await sql(`SELECT project_id AS "projectId", ${id} AS id, ${secret} AS stored FROM ${table} WHERE ${secret} IS NOT NULL ORDER BY project_id, ${id}`);
      return read.map((row) => ({ column, ...row }));
    }));
    return found.flat();
  }
  const expectAllOpen = async (keys: SecretKeys) => {
    const opened = new Map((await rows()).map((row) => [nameOf(row), decryptSecret(keys, row, row.stored)]));
    expect(opened).toEqual(plain);
  };
  const underCurrent = async (keys: SecretKeys) => (await rows()).filter(({ stored }) => stored.startsWith(currentPrefix(keys))).length;

  const start = (keys: SecretKeys): ChildProcess => fork('dist/src/rotate-secrets.js', [], { env: environment(keys), stdio: 'ignore' });
  const command = (keys: SecretKeys, ...args: string[]) => promisify(execFile)(process.execPath, ['dist/src/rotate-secrets.js', ...args], { env: environment(keys) })
    .then(({ stdout }) => ({ code: 0, stdout, stderr: '' }), (failure: unknown) => failure as { code: number; stdout: string; stderr: string });
  const rewrapped = (stdout: string) => [...stdout.matchAll(/: (\d+) wrapped/g)].reduce((sum, [, count]) => sum + Number(count), 0);

  /** Holds a provider's row locked, and answers when something waits for it: all rows before it are then done. */
  async function blockAt(row: Row): Promise<{ blocked(): Promise<void>; release(): Promise<void> }> {
    const client = new pg.Client({ connectionString: process.env['DATABASE_URL']! });
    await client.connect();
    await client.query('BEGIN');
    await client.query('SELECT 1 FROM providers WHERE id = $1 FOR UPDATE', [row.id]);
    const { rows: [me] } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    return {
      blocked: () => vi.waitFor(async () => {
        const [{ waiting }] = await sql('SELECT count(*)::int AS waiting FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))', [me!.pid]);
        expect(waiting).toBeGreaterThan(0);
      }, { timeout: 60_000, interval: 20 }),
      release: async () => {
        await client.query('COMMIT');
        await client.end();
      },
    };
  }
  const providers = async () => (await rows()).filter(({ column }) => column === 'providers.encrypted_key');

  beforeAll(async () => {
    build();
    gateway = await startGateway({ env: { TRIAD_SECRET_KEY: current } });
    stores = secretStores(gateway.app.get(Database).platform.dataSource);
    for (let index = 0; index < ROWS; index += 1) {
      const { createProvider } = await gateway.graphql('mutation ($input: CreateProviderInput!, $key: String) { createProvider(input: $input, idempotencyKey: $key) { id } }', {
        input: { name: `p${index}`, baseUrl: 'http://127.0.0.1:9/v1', apiKey: `sk-${index}` }, key: `key-${index}`,
      });
      plain.set(nameOf({ column: 'providers.encrypted_key', id: createProvider.id }), `sk-${index}`);
      const { createWebhookEndpoint } = await gateway.graphql('mutation { createWebhookEndpoint(url: "http://127.0.0.1:9/hook", eventTypes: []) { secret endpoint { id } } }');
      plain.set(nameOf({ column: 'webhook_endpoints.encrypted_secret', id: createWebhookEndpoint.endpoint.id }), createWebhookEndpoint.secret);
    }
    const { createInboundWebhook: { inboundWebhook: { id } } } = await gateway.graphql('mutation { createInboundWebhook(provider: standard) { inboundWebhook { id } } }');
    await gateway.graphql('mutation ($id: ID!) { rotateInboundWebhookSecret(id: $id, overlapSeconds: 600) { secret } }', { id });
    const [endpoint] = (await rows()).filter(({ column }) => column === 'webhook_endpoints.encrypted_secret');
    const { rotateWebhookSecret } = await gateway.graphql('mutation ($id: ID!) { rotateWebhookSecret(id: $id, overlapSeconds: 600) { secret } }', { id: endpoint!.id });
    plain.set(nameOf({ column: 'webhook_endpoints.previous_encrypted_secret', id: endpoint!.id }), plain.get(nameOf(endpoint!))!);
    plain.set(nameOf(endpoint!), rotateWebhookSecret.secret);
    for (const row of await rows()) {
      if (!plain.has(nameOf(row))) plain.set(nameOf(row), decryptSecret(keysUnder(current), row, row.stored)); // answers kept for idempotency, secrets of inbound webhooks
    }
    await gateway.graphql('mutation { createProvider(input: { name: "keyless", baseUrl: "http://127.0.0.1:9/v1" }) { id } }');
  });
  afterAll(() => gateway.stop());

  it('knows every column of the database that holds secrets', async () => {
    const there: { name: string }[] = await sql(`SELECT table_name || '.' || column_name AS name FROM information_schema.columns WHERE table_schema = 'public' AND column_name LIKE '%crypt%'`);
    expect(there.map(({ name }) => name).sort()).toEqual(stores.map(({ column }) => column).sort());
    expect(new Set((await rows()).map(({ column }) => column))).toEqual(new Set(stores.map(({ column }) => column))); // so that each is covered below
  });

  it('kill -9 at one row after another: every row opens at each moment, and in the end the current key is enough', async () => {
    const before = current;
    current = newKey();
    const keys = keysUnder(current, before);
    expect(await command(keys, '--check')).toMatchObject({ code: 1, stdout: expect.stringContaining(`${ROWS} still need an old key`) });
    let done = 0;
    for (const at of [0, 1, 13, ROWS - 1]) {
      const lock = await blockAt((await providers())[at]!);
      const rotation = start(keys);
      const ended = once(rotation, 'exit');
      await lock.blocked();
      rotation.kill('SIGKILL');
      await ended;
      await expectAllOpen(keys);
      const now = await underCurrent(keys);
      expect(now).toBeGreaterThanOrEqual(Math.max(at, done));
      expect(now).toBeLessThan(plain.size);
      done = now;
      await lock.release();
      await expectAllOpen(keys);
    }
    const last = await command(keys);
    expect(last.code).toBe(0);
    expect(rewrapped(last.stdout)).toBeGreaterThan(0);
    await expectAllOpen(keysUnder(current));
    expect(await command(keysUnder(current), '--check')).toMatchObject({ code: 0 });
    expect(rewrapped((await command(keys)).stdout)).toBe(0);
  });

  it('kill -9 at any moment, by chance: the same', async () => {
    const before = current;
    current = newKey();
    const keys = keysUnder(current, before);
    for (let round = 0; round < 4; round += 1) {
      const rotation = start(keys);
      const ended = once(rotation, 'exit');
      const goal = Math.floor(Math.random() * plain.size);
      await vi.waitUntil(async () => rotation.exitCode !== null || (await underCurrent(keys)) >= goal, { timeout: 60_000, interval: 1 });
      rotation.kill('SIGKILL');
      await ended;
      await expectAllOpen(keys);
    }
    expect(await command(keys)).toMatchObject({ code: 0 });
    await expectAllOpen(keysUnder(current));
  });

  it('several rotations at once wrap each secret once', async () => {
    const before = current;
    current = newKey();
    const keys = keysUnder(current, before);
    const ends = await Promise.all([command(keys), command(keys), command(keys)]);
    expect(ends.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(ends.reduce((sum, { stdout }) => sum + rewrapped(stdout), 0)).toBe(plain.size);
    await expectAllOpen(keysUnder(current));
  });

  it('a secret that is written while its row is rotated stays as written, and is rotated too', async () => {
    const before = current;
    current = newKey();
    const keys = keysUnder(current, before);
    const row = (await providers())[5]!;
    const lock = await blockAt(row);
    const rotation = command(keys);
    await lock.blocked();
    // As by a process that has the old key only. It waits in the same queue, behind or before the rotation's UPDATE.
    const written = sql('UPDATE providers SET encrypted_key = $1 WHERE id = $2', [encryptSecret(keysUnder(before), row, 'sk-new'), row.id]);
    await lock.release();
    await written;
    plain.set(nameOf(row), 'sk-new');
    await rotation;
    await expectAllOpen(keys);
    expect(await command(keys)).toMatchObject({ code: 0 }); // the write may have come after the rotation's last look
    await expectAllOpen(keysUnder(current));
  });

  it('what was read before it was written anew is not put back', async () => {
    const before = current;
    current = newKey();
    const keys = keysUnder(current, before);
    const [first, second] = (await providers()) as [Row, Row];
    const lock = await blockAt(first);
    const rotation = command(keys);
    await lock.blocked(); // the batch is read, the second row with it
    await sql('UPDATE providers SET encrypted_key = $1 WHERE id = $2', [encryptSecret(keysUnder(before), second, 'sk-newer'), second.id]);
    plain.set(nameOf(second), 'sk-newer');
    await lock.release();
    expect(await rotation).toMatchObject({ code: 0 });
    await expectAllOpen(keysUnder(current));
  });

  it('a changed tag, another row\'s secret and a missing key are told, leave the row as it is, and hold up no other', async () => {
    const before = current;
    current = newKey();
    const keys = keysUnder(current, before);
    const [changed, moved, lost] = (await providers()) as [Row, Row, Row];
    const [format, id, wrapped, sealed] = changed.stored.split(':');
    const bytes = Buffer.from(sealed!, 'base64url');
    bytes[12]! ^= 1; // the first byte of the tag
    const spoilt = new Map([
      [changed.id, [format, id, wrapped, bytes.toString('base64url')].join(':')],
      [moved.id, lost.stored],
      [lost.id, encryptSecret(keysUnder(newKey()), lost, 'x')],
    ]);
    for (const [row, stored] of spoilt) await sql('UPDATE providers SET encrypted_key = $1 WHERE id = $2', [stored, row]);
    const told = await command(keys);
    expect(told).toMatchObject({ code: 1, stdout: expect.stringContaining(`providers.encrypted_key: ${ROWS - 3} wrapped under the current key, 3 do not open`) });
    for (const row of [changed, moved, lost]) {
      expect(told.stderr).toContain(row.id);
      plain.delete(nameOf(row));
    }
    for (const row of await providers()) {
      if (spoilt.has(row.id)) expect(row.stored).toBe(spoilt.get(row.id));
    }
    expect(await command(keys, '--check')).toMatchObject({ code: 1 });
    expect(told.stdout + told.stderr).not.toMatch(/sk-|whsec_/);
    await sql('DELETE FROM providers WHERE id = ANY($1)', [[...spoilt.keys()]]);
    expect(await command(keys, '--check')).toMatchObject({ code: 0 });
    await expectAllOpen(keysUnder(current));
  });
});
