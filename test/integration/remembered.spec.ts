import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { RequestContext } from '../../src/common/request-context.js';
import { CONFIG, type Config } from '../../src/config/config.js';
import { Database } from '../../src/database/database.js';
import { Notifications } from '../../src/database/notifications.js';
import { Remembered } from '../../src/database/remembered.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';

describe('Remembered', () => {
  let gateway: Gateway;
  let database: Database;
  let elsewhere: Notifications;
  const ctx = RequestContext.forJob('proj_a', 'spec');
  /** One for each test: each has topics of its own. */
  const make = (topic: string, freshMs = 60_000) => ({
    here: new Remembered<string>(database, gateway.app.get(Notifications), { topic, freshMs, max: 100 }),
    there: new Remembered<string>(database, elsewhere, { topic, freshMs, max: 100 }),
  });
  const reads = (...values: (string | undefined)[]) => {
    const left = [...values];
    return vi.fn(() => Promise.resolve(left.length > 1 ? left.shift() : left[0]));
  };

  beforeAll(async () => {
    gateway = await startGateway();
    database = gateway.app.get(Database);
    elsewhere = new Notifications(gateway.app.get<Config>(CONFIG));
    await elsewhere.onModuleInit();
  });
  afterAll(async () => {
    await elsewhere.onModuleDestroy();
    await gateway.stop();
  });

  it('reads once for all who ask at once, and then answers at once', async () => {
    const { here } = make('once');
    const load = reads('a');
    expect(await Promise.all([here.get('proj_a', 'k', load), here.get('proj_a', 'k', load)])).toEqual(['a', 'a']);
    expect(here.get('proj_a', 'k', load)).toBe('a');
    expect(here.peek('proj_a', 'k')).toBe('a');
    expect(here.peek('proj_b', 'k')).toBeUndefined();
    expect(load).toHaveBeenCalledOnce();
  });

  it('does not remember what is not there', async () => {
    const { here } = make('absent');
    const load = reads(undefined, 'a');
    expect(await here.get('proj_a', 'k', load)).toBeUndefined();
    expect(await here.get('proj_a', 'k', load)).toBe('a');
  });

  it('forgets a project at its change: here when it has committed, elsewhere when that is told', async () => {
    const { here, there } = make('change');
    for (const memory of [here, there]) {
      await memory.get('proj_a', 'k', reads('old'));
      await memory.get('proj_b', 'k', reads('other'));
    }
    await database.transaction(ctx, async (tx) => {
      await here.changed(tx);
      expect(here.peek('proj_a', 'k')).toBe('old');
    });
    expect(here.peek('proj_a', 'k')).toBeUndefined();
    await vi.waitFor(() => expect(there.peek('proj_a', 'k')).toBeUndefined());
    expect([here.peek('proj_b', 'k'), there.peek('proj_b', 'k')]).toEqual(['other', 'other']);
  });

  it('keeps what a change that was rolled back would have made old', async () => {
    const { here } = make('rollback');
    await here.get('proj_a', 'k', reads('old'));
    await expect(database.transaction(ctx, async (tx) => {
      await here.changed(tx);
      throw new Error('no');
    })).rejects.toThrow('no');
    expect(here.peek('proj_a', 'k')).toBe('old');
  });

  it('neither joins nor keeps a read that began before a change', async () => {
    const { here } = make('race');
    let finish!: (value: string) => void;
    const before = here.get('proj_a', 'k', () => new Promise((resolve) => { finish = resolve; }));
    await database.transaction(ctx, (tx) => here.changed(tx));
    expect(await here.get('proj_a', 'k', reads('new'))).toBe('new');
    finish('old');
    expect(await before).toBe('old');
    expect(here.peek('proj_a', 'k')).toBe('new');
  });

  it('reads anew after its time, notice or not, and by a connection that was lost meanwhile', async () => {
    const { here } = make('time', 1);
    await here.get('proj_a', 'k', reads('old'));
    await vi.waitFor(() => expect(here.peek('proj_a', 'k')).toBeUndefined());
    const { there } = make('lost');
    await there.get('proj_a', 'k', reads('old'));
    await database.platform.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'triad-listen' AND datname = current_database()");
    await vi.waitFor(() => expect(there.peek('proj_a', 'k')).toBeUndefined(), { timeout: 10_000 });
  });

  it('stands by the last value while Postgres is away, and not for other failures', async () => {
    const { here } = make('away', 0);
    const away = vi.fn(async () => {
      const client = new pg.Client({ host: '127.0.0.1', port: 9, user: 'x', database: 'x' });
      await client.connect();
      return 'never';
    });
    await expect(here.get('proj_a', 'k', away)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await here.get('proj_a', 'k', reads('last'));
    expect(await here.get('proj_a', 'k', away)).toBe('last');
    expect(here.get('proj_a', 'k', away)).toBe('last'); // asked again once a second only
    expect(away).toHaveBeenCalledTimes(2);
    const { here: other } = make('away', 0);
    await other.get('proj_a', 'k', reads('last'));
    await expect(other.get('proj_a', 'k', () => Promise.reject(new Error('a mistake')))).rejects.toThrow('a mistake');
  });

  it('does not wait for a Postgres that hangs', async () => {
    const { here } = make('hangs', 0);
    await here.get('proj_a', 'k', reads('last'));
    expect(await here.get('proj_a', 'k', () => new Promise(() => undefined))).toBe('last');
  });
});
