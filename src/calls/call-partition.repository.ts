import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { firstIdAt } from '../common/ids.js';
import { Database } from '../database/database.js';

const DAY_MS = 86_400_000;
/** Rows whose day has no partition: late ones, and those of a clock that is wrong. */
const LATE = 'calls_by_day.late';
/** A change of the partitions waits this long for those who read or write; then it is tried again. */
const LOCK_TIMEOUT = "SET LOCAL lock_timeout = '1s'";

const PARTITIONS = `
  SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent = 'public.calls'::regclass AND c.relname LIKE 'd________'`;

const LONGEST_KEPT = `
  SELECT greatest($1::int, max(s.retention_days)) AS days FROM call_settings s`;

/**
 * Calls that their project keeps no longer: $1 are the numbers of days that are in use, $2 for each the first id that is kept.
 */
const OLD_CALLS = `
  DELETE FROM calls USING (
    SELECT old.project_id, old.id FROM unnest($1::int[], $2::text[]) AS kept (days, first_id)
    JOIN projects p ON true LEFT JOIN call_settings s ON s.project_id = p.id
    CROSS JOIN LATERAL (SELECT c.project_id, c.id FROM calls c WHERE c.project_id = p.id AND c.id < kept.first_id COLLATE "C" LIMIT $4) old
    WHERE coalesce(s.retention_days, $3) = kept.days LIMIT $4
  ) gone WHERE calls.project_id = gone.project_id AND calls.id = gone.id`;

/** Feedback on them likewise; it is found by the call's id, which tells its time. */
const OLD_FEEDBACK = `
  DELETE FROM call_feedback USING (
    SELECT old.id FROM unnest($1::int[], $2::text[]) AS kept (days, first_id)
    JOIN projects p ON true LEFT JOIN call_settings s ON s.project_id = p.id
    CROSS JOIN LATERAL (SELECT f.id FROM call_feedback f WHERE f.project_id = p.id AND f.call_id < kept.first_id COLLATE "C" LIMIT $4) old
    WHERE coalesce(s.retention_days, $3) = kept.days LIMIT $4
  ) gone WHERE call_feedback.id = gone.id`;

const nameOf = (day: Date): string => `d${day.toISOString().slice(0, 10).replaceAll('-', '')}`;
/** Days are UTC's. */
export const startOfDay = (at: Date | number): Date => new Date(Math.floor(Number(at) / DAY_MS) * DAY_MS);
export const daysAfter = (day: Date, days: number): Date => new Date(day.getTime() + days * DAY_MS);

/** The days of the log, of all projects: made ahead, dropped as a whole. Only the platform may change them. */
@Injectable()
export class CallPartitionRepository {
  constructor(private readonly database: Database) {}

  /** What time it is for all processes. */
  async now(): Promise<Date> {
    const [{ now }] = await this.database.platform.query<[{ now: Date }]>('SELECT now()');
    return now;
  }

  /** Days that have a partition, such as `d20261125`. */
  async existing(): Promise<Set<string>> {
    return new Set((await this.database.platform.query<{ name: string }[]>(PARTITIONS)).map(({ name }) => name));
  }

  /** Makes what is missing of `days` days from `first` on; rows that came before their partition move into it. @returns how many. */
  async ensure(first: Date, days: number): Promise<number> {
    const wanted = Array.from({ length: days }, (_, index) => daysAfter(first, index));
    const existing = await this.existing();
    const missing = wanted.filter((day) => !existing.has(nameOf(day)));
    let made = 0;
    for (const day of missing) made += await this.alone((tx) => this.make(tx, day));
    return made;
  }

  /** Drops the days that end before `first`. @returns how many. */
  async dropBefore(first: Date): Promise<number> {
    const old = [...await this.existing()].filter((name) => name < nameOf(first));
    let gone = 0;
    for (const name of old) {
      gone += await this.alone(async (tx) => {
        await tx.query(`DROP TABLE IF EXISTS calls_by_day.${name}`);
        return 1;
      });
    }
    return gone;
  }

  /** Days that the project that keeps its calls longest keeps them. */
  async longestKept(fallback: number): Promise<number> {
    const [{ days }] = await this.database.platform.query<[{ days: number }]>(LONGEST_KEPT, [fallback]);
    return days;
  }

  /** Deletes, of any project, some of the calls and of the feedback that it keeps no longer. @returns how many. */
  async deleteOld(today: Date, fallback: number, limit: number): Promise<number> {
    const inUse = await this.database.platform.query<{ days: number }[]>('SELECT DISTINCT retention_days AS days FROM call_settings WHERE retention_days IS NOT NULL');
    const days = [...new Set([fallback, ...inUse.map((each) => each.days)])];
    const first = days.map((each) => firstIdAt('call', daysAfter(today, -each)));
    const [, calls] = await this.database.platform.query<[unknown, number]>(OLD_CALLS, [days, first, fallback, limit]);
    const [, feedback] = await this.database.platform.query<[unknown, number]>(OLD_FEEDBACK, [days, first, fallback, limit]);
    return calls + feedback;
  }

  private async make(tx: EntityManager, day: Date): Promise<number> {
    const table = `calls_by_day.${nameOf(day)}`;
    const [from, to] = [firstIdAt('call', day), firstIdAt('call', daysAfter(day, 1))];
    const [{ there }] = await tx.query<[{ there: boolean }]>('SELECT to_regclass($1) IS NOT NULL AS there', [table]);
    if (there) return 0;
    await tx.query(`CREATE TABLE ${table} (LIKE calls INCLUDING ALL)`);
    const [{ early }] = await tx.query<[{ early: boolean }]>(`SELECT EXISTS (SELECT FROM ${LATE} WHERE id >= $1 AND id < $2) AS early`, [from, to]);
    if (early) {
      await tx.query(`LOCK TABLE ${LATE} IN ACCESS EXCLUSIVE MODE`);
      await tx.query(`WITH moved AS (DELETE FROM ${LATE} WHERE id >= $1 AND id < $2 RETURNING *) INSERT INTO ${table} SELECT * FROM moved`, [from, to]);
    }
    await tx.query(`ALTER TABLE calls ATTACH PARTITION ${table} FOR VALUES FROM ('${from}') TO ('${to}')`);
    return 1;
  }

  /** One process at a time changes partitions; another does nothing meanwhile. */
  private alone(work: (tx: EntityManager) => Promise<number>): Promise<number> {
    return this.database.platform.transaction(async (tx) => {
      const [{ mine }] = await tx.query<[{ mine: boolean }]>("SELECT pg_try_advisory_xact_lock(hashtextextended('call partitions', 0)) AS mine");
      if (!mine) return 0;
      await tx.query(LOCK_TIMEOUT);
      return work(tx);
    });
  }
}
