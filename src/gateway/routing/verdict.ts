import { DomainError } from '../../common/errors.js';

/** How an attempt's answer counts. */
export type Verdict = Answered | Failed;

/** What the caller is to get, be it a refusal of what it asked for. */
export interface Answered {
  failed: false;
}

/** The target's fault: another attempt may do better. */
export interface Failed {
  failed: true;
  /** Such as `status 503`; part of a sentence. */
  why: string;
  /** Whether the same target may do better in a moment; else only another one. */
  again: boolean;
  /** As the target asked, milliseconds; null: it did not. */
  retryAfterMs: number | null;
  /** It has too much to do. */
  busy: boolean;
}

/** An answer as far as it is judged. */
export interface Judged {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** Code and message of OpenAI's error object, where there is one. */
  error?: { message: string; code: unknown } | null;
}

export const ANSWERED: Answered = { failed: false };
/** What only another target can do better: refused keys, accounts without money, models that are gone. */
const HOPELESS = new Set([401, 402, 403, 404]);
const PASSING = new Set([408, 409, 425, 429]);
/** Of an account, which no waiting mends. */
const EXHAUSTED = 'insufficient_quota';

/**
 * Whose fault a status is. 2xx, 3xx and the caller's own faults (400, 413, 422 …) are answers.
 * @param alsoOn statuses that the deployment's owner counts as the target's failure too
 */
export function verdictOf(answer: Judged, alsoOn: readonly number[]): Verdict {
  const { status, error } = answer;
  if (status < 400) return ANSWERED;
  const hopeless = HOPELESS.has(status) || error?.code === EXHAUSTED;
  if (!hopeless && !PASSING.has(status) && status < 500 && !alsoOn.includes(status)) return ANSWERED;
  // What is said of a key may hold part of it.
  const said = error && status !== 401 && status !== 403 ? `: ${error.message.slice(0, 200)}` : '';
  return { failed: true, why: `status ${status}${said}`, again: !hopeless, retryAfterMs: retryAfterOf(answer.headers), busy: status === 429 };
}

/** Null for an error that is no target's fault and no other target could mend: it is thrown on. */
export function verdictOfError(error: unknown): Failed | null {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const passing = error instanceof DomainError ? error.code === 'unavailable' || error.code === 'upstream_failed' : typeof code === 'string' && /^(UND_ERR_|E[A-Z]+$)/.test(code);
  return passing ? { failed: true, why: String(message), again: true, retryAfterMs: null, busy: false } : null;
}

/** OpenAI's `retry-after-ms`, or `Retry-After` in seconds or as a date (RFC 9110). Null when absent or nonsense. */
export function retryAfterOf(headers: Judged['headers'], now = Date.now()): number | null {
  const [ms, after] = [headers['retry-after-ms'], headers['retry-after']];
  if (typeof ms === 'string' && /^\d+(\.\d+)?$/.test(ms)) return Number(ms);
  if (typeof after !== 'string') return null;
  if (/^\d+(\.\d+)?$/.test(after)) return Number(after) * 1000;
  const date = Date.parse(after);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
