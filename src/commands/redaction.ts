const SECRET_NAME = /secret|password|token|api_?key|credential|authorization/i;
/** Keys of Triad and of common providers, webhook secrets, bearer tokens. */
const SECRET_TEXT = /\b(?:triad_|whsec_|sk-|Bearer\s+)[\w+/=.-]{8,}/g;
const LONGEST_TEXT = 1_000;
const LONGEST_LIST = 50;
const DEEPEST = 10;

const HIDDEN = '[hidden]';

/** A wrong text is wrong input, whose failure is written down too: what Postgres' JSON cannot hold is replaced. */
const storable = (text: string): string => Buffer.from(text).toString().replaceAll('\0', '\uFFFD');

/**
 * A copy of a command's arguments that may be kept: what is named or looks like a secret is hidden, long texts and lists
 * are cut, with a note of how much is missing.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') {
    const text = storable(value).replace(SECRET_TEXT, HIDDEN);
    return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}… (${text.length} characters)` : text;
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
