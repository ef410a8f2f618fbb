const SECRET_NAME = /secret|password|token|api_?key|credential|authorization/i;
/** Keys of Triad and of common providers, webhook secrets, bearer tokens. */
const SECRET_TEXT = /\b(?:triad_|whsec_|sk-|Bearer\s+)[\w+/=.-]{8,}/g;
const LONGEST_TEXT = 1_000;
const LONGEST_LIST = 50;
const DEEPEST = 10;

const HIDDEN = '[hidden]';

/** What Postgres' JSON cannot hold, NUL and halves of characters (a cut makes such, too), becomes U+FFFD. */
const storable = (text: string): string => text.replaceAll('\0', '\uFFFD').replace(/\p{Surrogate}/gu, '\uFFFD');

/**
 * A copy of a command's arguments that may be kept: what is named or looks like a secret is hidden, long texts and lists
 * are cut, with a note of how much is missing, and what Postgres cannot hold is replaced.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') {
    const text = value.replace(SECRET_TEXT, HIDDEN);
    return storable(text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}… (${text.length} characters)` : text);
  }
  if (value === null || typeof value !== 'object') return typeof value === 'bigint' ? String(value) : value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (depth === DEEPEST) return '…';
  if (Array.isArray(value)) {
    const kept = value.slice(0, LONGEST_LIST).map((each) => redact(each, depth + 1));
    return value.length > LONGEST_LIST ? [...kept, `… (${value.length} in all)`] : kept;
  }
  return Object.fromEntries(Object.entries(value).map(([name, each]) =>
    [storable(name), SECRET_NAME.test(name) && typeof each === 'string' ? HIDDEN : redact(each, depth + 1)]));
}
