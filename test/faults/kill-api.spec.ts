import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Installation, prepareEvaluation, startEvaluation, startInstallation } from '../helpers/installation.js';
import { build, type ServiceProcess } from '../helpers/worker-process.js';

const SEED = Number(process.env['TRIAD_FAULTS_SEED'] ?? 2);
const KILLS = process.env['TRIAD_FAULTS'] === 'full' ? 50 : 6;
const COMMANDS_PER_KILL = 6;
/** A mutation takes some 20 ms; with others beside it, longer. */
const LATEST_KILL_MS = 120;
const SOON = { timeout: 20_000, interval: 5 };

describe('#2 kill -9 of the API inside a mutation: row and outbox or neither, and the retry gives one run', () => {
  let triad: Installation;
  let api: ServiceProcess;

  /** Sends the command; what becomes of the connection is not looked at. */
  const send = (key: string) => void startEvaluation(triad, { 'idempotency-key': key }).catch(() => undefined);
  /** As a client should: again, with the same key, until there is an answer. */
  const retry = async (key: string): Promise<string> => {
    const answered = (result: unknown) => typeof result === 'string';
    let id: unknown;
    await expect.poll(async () => answered(id = await startEvaluation(triad, { 'idempotency-key': key }).catch((error: unknown) => error)), { ...SOON, message: String(id) }).toBe(true);
    return id as string;
  };
  const runs = async () => (await triad.sql<{ id: string }>('SELECT id FROM evaluation_runs')).map(({ id }) => id);
  /** Rows of one table that lack theirs in the other: none, at any moment. */
  const expectWhole = async () => {
    expect(await triad.sql(`SELECT run.id, message.id AS message FROM evaluation_runs run
      FULL JOIN outbox message ON message.payload->>'runId' = run.id WHERE run.id IS NULL OR message.id IS NULL`)).toEqual([]);
  };

  beforeAll(async () => {
    build();
    triad = await startInstallation();
    api = await triad.startApi();
    await prepareEvaluation(triad, 2);
  });
  beforeEach(async () => {
    if (!api.runs()) api = await triad.startApi();
  });
  afterAll(() => triad.stop());

  it('before COMMIT', async () => {
    const before = await runs();
    const other = new pg.Client({ connectionString: triad.services.postgresUrl });
    await other.connect();
    await other.query('BEGIN; LOCK TABLE outbox IN EXCLUSIVE MODE');
    send('before-commit');
    await expect.poll(() => triad.sql("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'outbox'::regclass"), SOON).toHaveLength(1);
    await api.end('SIGKILL');
    await other.query('ROLLBACK');
    await other.end();
    api = await triad.startApi();
    const id = await retry('before-commit');
    expect((await runs()).toSorted()).toEqual([...before, id].toSorted());
    await expectWhole();
  });

  it('after COMMIT, before the answer', async () => {
    const before = await runs();
    send('after-commit');
    await expect.poll(async () => (await runs()).length, SOON).toBe(before.length + 1);
    const committed = (await runs()).find((id) => !before.includes(id));
    await api.end('SIGKILL');
    api = await triad.startApi();
    expect(await retry('after-commit')).toBe(committed);
    expect(await runs()).toHaveLength(before.length + 1);
    await expectWhole();
  });

  it(`at ${KILLS} random moments (seed ${SEED})`, async () => {
    const random = xoroshiro128plus(SEED);
    const before = await runs();
    const answered: string[] = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      const keys = Array.from({ length: COMMANDS_PER_KILL }, (_, index) => `kill-${kill}-${index}`);
      keys.forEach(send);
      await wait(uniformInt(random, 0, LATEST_KILL_MS)); // the fault's moment
      await api.end('SIGKILL');
      await expectWhole();
      api = await triad.startApi();
      answered.push(...await Promise.all(keys.map(retry)));
    }
    expect(new Set(answered).size).toBe(KILLS * COMMANDS_PER_KILL);
    expect((await runs()).toSorted()).toEqual([...before, ...answered].toSorted());
    await expectWhole();
  });
});
