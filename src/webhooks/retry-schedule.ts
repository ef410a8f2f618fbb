const SECOND = 1_000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE;

/** Waits between attempts that Standard Webhooks 1.0.0 proposes; the first attempt is immediate. */
const DELAYS_MS = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];
const LONGEST_MS = 24 * HOUR;
const JITTER = 0.1;

/**
 * How long to wait after the latest of `attempts` failed attempts: the schedule's delay and up to a tenth more, so that
 * receivers that fail together are not all called again together; or what the receiver asked for, if that is longer.
 * @returns milliseconds, or null when no attempt is left.
 */
export function nextDelay(attempts: number, retryAfterMs: number | null = null, random: () => number = Math.random): number | null {
  const scheduled = DELAYS_MS[attempts - 1];
  if (scheduled === undefined) return null;
  return Math.max(scheduled * (1 + JITTER * random()), Math.min(retryAfterMs ?? 0, LONGEST_MS));
}

/** Reads a Retry-After header, seconds or an HTTP date (RFC 9110 §10.2.3). @returns milliseconds, or null when it is neither. */
export function parseRetryAfter(header: string | undefined, now: Date): number | null {
  if (header === undefined) return null;
  if (/^\d+$/.test(header)) return Number(header) * SECOND;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - now.getTime());
}
