/** Rates are per minute; a bucket holds a minute's worth, so that a burst of all of it is allowed. */
export const PERIOD_US = 60_000_000;
/** Money is counted in millionths. */
export const MICROS = 1_000_000;

/** More than any request uses; a number beyond it is a mistake or an attack. */
export const MAX_TOKENS = 1_000_000_000;
/** What so many tokens cost at the highest price; thousands of it fit Postgres' bigint. */
export const MAX_MICROS = 1_000_000_000_000_000;

/** A whole amount from 0 to `max`, whatever the number: arithmetic on what is not finite would undo a limit. */
export const bounded = (value: number, max: number): number => Math.min(Math.max(Math.round(value) || 0, 0), max);

/** What is counted, and for whom. Rates (requests, tokens) refill all the time; a budget ends with its month. */
export interface Bucket {
  /** In Redis; all of a project's share a hash slot. */
  key: string;
  of: 'project' | 'key';
  counts: 'requests' | 'tokens' | 'budget';
  /** Above 0. Requests or tokens per minute; for a budget, millionths of the currency. */
  limit: number;
  /** What the request takes; negative gives back; 0 only looks. */
  cost: number;
  /** Of a budget: what Postgres knows to be spent, so that a lost Redis does not start the month anew. */
  floor: number;
  /** Of a budget: when its month ends, milliseconds since 1970. */
  endsAt: number;
}

export interface BucketState {
  /** Whole units left. */
  remaining: number;
  /** Until the bucket is full again (a budget: until its month ends). */
  resetMs: number;
  /** Until the cost would fit; 0 when it does. */
  retryMs: number;
}

/** All of the buckets have given, or none: then `refused` is the index of the one that takes longest to mend. */
export interface Taken {
  refused: number | null;
  states: BucketState[];
}

/** What a request that spends tokens has reserved: buckets with what was taken from each. */
export interface Reservation {
  taken: readonly Bucket[];
  tokens: number;
}

interface Month {
  name: string;
  /** Its first instant (UTC), as a time and as a day. */
  startsAt: Date;
  firstDay: string;
  endsAt: Date;
}

let lastMonth: Month | null = null;

/** The month (UTC) of a time; that of the last time asked for is at hand. */
export function monthOf(now: Date): Month {
  if (lastMonth && now >= lastMonth.startsAt && now < lastMonth.endsAt) return lastMonth;
  const startsAt = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1));
  const endsAt = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1));
  const firstDay = startsAt.toISOString().slice(0, 10);
  lastMonth = { name: firstDay.slice(0, 7), startsAt, firstDay, endsAt };
  return lastMonth;
}
