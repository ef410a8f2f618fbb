import { setTimeout as wait } from 'node:timers/promises';
import { Pool } from 'undici';

/** A call as it is sent again and again. */
export interface Call {
  url: string;
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  body?: string;
}

/** What came of sending at a rate. Milliseconds, from the time a request was due. */
export interface AtRate {
  rate: number;
  sent: number;
  /** Answers that were not 200, and requests without one. */
  failed: number;
  p50: number;
  p99: number;
}

const CONNECTIONS = 256;
/** When more than a second's worth of requests waits, the rate is not held, and more would only pile up. */
const MOST_WAITING_SECONDS = 1;
const DEADLINE_MS = 15_000;
const HELD_P99_MS = 50;
const QUICK_IN_A_ROW = 5;
/** Requests of the first part open the connections and are not counted. */
const WARM_UP_SECONDS = 0.5;

/**
 * Sends at a constant rate whether or not earlier requests are answered. The clock of each starts when the schedule says
 * that it is due, so that a server that stalls is charged for every request that should have been sent meanwhile
 * (no coordinated omission). Those due within the same millisecond are due at its start.
 */
export async function sendAtRate(call: Call, rate: number, seconds: number): Promise<AtRate> {
  const { origin, pathname, search } = new URL(call.url);
  const pool = new Pool(origin, { connections: CONNECTIONS, pipelining: 1 });
  const options = { path: `${pathname}${search}`, method: call.method ?? 'POST', headers: call.headers ?? {}, body: call.body ?? null, headersTimeout: DEADLINE_MS, bodyTimeout: DEADLINE_MS };
  const taken: number[] = [];
  const warmUp = Math.round(rate * WARM_UP_SECONDS);
  const total = warmUp + Math.round(rate * seconds);
  let [sent, open, failed] = [0, 0, 0];
  const send = async (due: number, counts: boolean) => {
    open += 1;
    try {
      const { statusCode, body } = await pool.request(options);
      await body.dump();
      if (statusCode !== 200) failed += 1;
      else if (counts) taken.push(performance.now() - due);
    } catch {
      failed += 1;
    }
    open -= 1;
  };
  const from = performance.now();
  while (sent < total && open <= rate * MOST_WAITING_SECONDS) {
    const now = performance.now();
    for (let due = dueAt(from, sent, rate); sent < total && due <= now; due = dueAt(from, sent, rate)) {
      sent += 1;
      void send(due, sent > warmUp);
    }
    await wait(1);
  }
  const given = sent < total;
  const deadline = performance.now() + DEADLINE_MS;
  while (open > 0 && !given && performance.now() < deadline) await wait(1);
  await pool.destroy();
  if (given || open > 0) await recovered(call);
  return { rate, sent: total, failed: failed + open + (total - sent), p50: percentile(taken, 0.5), p99: percentile(taken, 0.99) };
}

/** A server that was asked too much works on after nobody waits any more: not to be held against who comes next. */
async function recovered({ url, ...init }: Call): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  for (let quick = 0; quick < QUICK_IN_A_ROW && performance.now() < deadline;) {
    const from = performance.now();
    const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(DEADLINE_MS) }).then((each) => each.text(), () => null);
    quick = answer !== null && performance.now() - from < HELD_P99_MS ? quick + 1 : 0;
  }
}

const dueAt = (from: number, index: number, rate: number): number => from + Math.floor((index * 1000) / rate);

/** Infinity of none. */
export function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Infinity;
}

const HELD_SECONDS = 3;
const FINEST_STEP = 1.1;

export const HELD = `no error and p99 below ${HELD_P99_MS} ms for ${HELD_SECONDS} s`;

/** The highest rate that is held (`HELD`, in one of two tries), to within a tenth: doubled from `lowest` until it is not, then halved between. 0 when not even `lowest` is. */
export async function highestHeld(call: Call, lowest: number): Promise<number> {
  const holdsOnce = async (rate: number) => {
    const { failed, p99 } = await sendAtRate(call, rate, HELD_SECONDS);
    return failed === 0 && p99 < HELD_P99_MS;
  };
  const holds = async (rate: number) => await holdsOnce(rate) || await holdsOnce(rate); // what else the machine does shall not decide
  let held = 0;
  let missed = lowest;
  while (await holds(missed)) {
    held = missed;
    missed *= 2;
  }
  while (held > 0 && missed / held > FINEST_STEP) {
    const between = Math.round(Math.sqrt(held * missed));
    if (await holds(between)) held = between;
    else missed = between;
  }
  return held;
}
