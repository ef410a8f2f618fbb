import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CallPartitionRepository, daysAfter, startOfDay } from '../../src/calls/call-partition.repository.js';
import { CallRetentionService } from '../../src/calls/call-retention.service.js';
import { firstIdAt } from '../../src/common/ids.js';
import { Database } from '../../src/database/database.js';
import { logCalls, setLogging } from '../helpers/calls.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { contextOf } from '../helpers/stub-model.js';
import { withKey } from '../helpers/tenant-world.js';

describe('the days of the log', () => {
  let gateway: Gateway;
  let other: Gateway;
  const now = new Date();
  const today = startOfDay(now);
  beforeAll(async () => {
    gateway = await startGateway();
    other = withKey(gateway, gateway.otherKey);
  });
  afterAll(() => gateway.stop());

  const sql = <T>(query: string, values: unknown[] = []) => gateway.app.get(Database).platform.query<T[]>(query, values);
  const dayOf = (day: Date) => `d${day.toISOString().slice(0, 10).replaceAll('-', '')}`;
  const days = async () => [...await gateway.app.get(CallPartitionRepository).existing()].sort();
  const placeOf = async (id: string) => (await sql<{ place: string }>('SELECT tableoid::regclass::text AS place FROM calls WHERE id = $1', [id]))[0]?.place;
  /** An id of that day, and of no other call. */
  const idOn = (day: Date, last: string) => `${firstIdAt('call', day).slice(0, -1)}${last}`;
  const keep = (at: Date) => gateway.app.get(CallRetentionService).keepAt(at);

  it('are there before they begin, and made once by whoever is first', async () => {
    expect(await days()).toEqual(Array.from({ length: 9 }, (_, index) => dayOf(daysAfter(today, index - 1))));
    const [record] = await logCalls(gateway, {});
    expect(await placeOf(record!.id)).toBe(`calls_by_day.${dayOf(today)}`);
    await Promise.all(Array.from({ length: 4 }, () => keep(daysAfter(now, 1))));
    expect(await days()).toContain(dayOf(daysAfter(today, 8)));
    expect((await days()).length).toBe(10);
  });

  it('are read by id alone where the id says so', async () => {
    const plan = await sql<Record<string, string>>(`EXPLAIN SELECT * FROM calls WHERE project_id = 'p' AND id = '${firstIdAt('call', now)}'`);
    const text = plan.map((row) => Object.values(row)[0]).join('\n');
    expect([...new Set(text.match(/d\d{8}|late/g))]).toEqual([dayOf(today)]);
  });

  it('are no tenant\'s to read but through the log', async () => {
    const manager = gateway.app.get(Database).manager(await contextOf(gateway));
    await expect(manager.query(`SELECT * FROM calls_by_day.${dayOf(today)}`)).rejects.toThrow('permission denied');
    await expect(manager.query('SELECT * FROM calls_by_day.late')).rejects.toThrow('permission denied');
  });

  it('take in what came before they were made', async () => {
    const day = daysAfter(today, 20);
    const [early] = await logCalls(gateway, { id: idOn(day, 'a') });
    expect(await placeOf(early!.id)).toBe('calls_by_day.late');
    await keep(daysAfter(now, 14));
    expect(await placeOf(early!.id)).toBe(`calls_by_day.${dayOf(day)}`);
    expect((await gateway.graphql('query ($id: ID!) { call(id: $id) { id } }', { id: early!.id }))['call'].id).toBe(early!.id);
  });

  it('are dropped when nobody keeps them; before that each project\'s calls and feedback go when it says', async () => {
    const old = daysAfter(today, -10);
    await gateway.app.get(CallPartitionRepository).ensure(old, 1);
    const [mine] = await logCalls(gateway, { id: idOn(old, 'b') });
    const [theirs] = await logCalls(other, { id: idOn(old, 'c') });
    for (const [as, id] of [[gateway, mine!.id], [other, theirs!.id]] as const) await as.graphql('mutation ($id: ID!) { addCallFeedback(callId: $id, thumb: true) { id } }', { id });
    await setLogging(gateway, 'metadata', [], 5);
    await keep(now);
    const left = () => sql<{ id: string }>('SELECT id FROM calls WHERE id = ANY($1) UNION ALL SELECT call_id FROM call_feedback WHERE call_id = ANY($1)', [[mine!.id, theirs!.id]]);
    expect((await left()).map(({ id }) => id)).toEqual([theirs!.id, theirs!.id]);
    await setLogging(other, 'metadata', [], 100);
    await keep(daysAfter(now, 60));
    expect(await left()).toHaveLength(2);
    await setLogging(other, 'metadata', [], 50);
    await keep(daysAfter(now, 60));
    expect(await left()).toEqual([]);
    expect(await days()).not.toContain(dayOf(old));
  });

  it('do not hold what comes late; it goes by itself', async () => {
    const [late] = await logCalls(gateway, { id: idOn(daysAfter(today, -700), 'd') });
    expect(await placeOf(late!.id)).toBe('calls_by_day.late');
    await keep(now);
    expect(await placeOf(late!.id)).toBeUndefined();
  });

  it('go by Postgres\' clock: a process that is years ahead deletes nothing', async () => {
    const [record] = await logCalls(gateway, {});
    const before = await days();
    vi.useFakeTimers({ toFake: ['Date'], now: daysAfter(now, 4_000) });
    try {
      while (await gateway.app.get(CallRetentionService).keep() > 0);
    } finally {
      vi.useRealTimers();
    }
    expect(await placeOf(record!.id)).toBe(`calls_by_day.${dayOf(today)}`);
    expect(await days()).toEqual(before);
  });
});
