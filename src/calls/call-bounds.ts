import type { CallRecord } from './call-record.js';

/** Characters of what a caller names: a model, and whom assignments stick to. */
const MAX_NAME = 256;
/** OpenAI's bounds of metadata. */
const MAX_PAIRS = 16;
const MAX_KEY = 64;
const MAX_VALUE = 512;
const MARK = '… [cut]';

/**
 * The record within the bounds of the log: what callers may make as long as they like is cut, with a mark. It is asked on the
 * hot path, so that a record that is within them stays as it is.
 * @param pseudonym stands for the rest of a sticky key, so that keys are still told apart
 */
export function withinBounds(record: CallRecord, pseudonym: (key: string) => string): CallRecord {
  const { model, stickyKey, metadata, errorCode, target } = record;
  const isLong = model.length > MAX_NAME || (stickyKey !== null && stickyKey.length > MAX_NAME) || (errorCode !== null && errorCode.length > MAX_NAME) || (target !== null && target.length > 2 * MAX_NAME);
  if (!isLong && (metadata === null || isMetadata(metadata))) return record;
  return {
    ...record, model: cut(model, MAX_NAME), errorCode: errorCode && cut(errorCode, MAX_NAME), target: target && cut(target, 2 * MAX_NAME), metadata: metadata && cutMetadata(metadata),
    stickyKey: stickyKey !== null && stickyKey.length > MAX_NAME ? `${part(stickyKey, MAX_NAME - 20)}… ${pseudonym(stickyKey)}` : stickyKey,
  };
}

function isMetadata(metadata: Record<string, unknown>): boolean {
  let pairs = 0;
  for (const key in metadata) {
    const value = metadata[key];
    if ((pairs += 1) > MAX_PAIRS || key.length > MAX_KEY || (typeof value === 'string' ? value.length > MAX_VALUE : typeof value === 'object' && value !== null)) return false;
  }
  return true;
}

function cutMetadata(metadata: Record<string, unknown>): Record<string, string> {
  const kept: Record<string, unknown> = {};
  let pairs = 0;
  for (const key in metadata) {
    if ((pairs += 1) > MAX_PAIRS) {
      kept['…'] = MARK;
      break;
    }
    const value = metadata[key];
    if (key === '__proto__') continue; // it would be set, not kept
    kept[cut(key, MAX_KEY)] = typeof value === 'string' ? cut(value, MAX_VALUE) : typeof value === 'object' && value !== null ? MARK : value;
  }
  return kept as Record<string, string>;
}

const cut = (text: string, limit: number): string => (text.length > limit ? part(text, limit - MARK.length) + MARK : text);

/** The first characters, copied: a slice would hold the whole text in memory. */
const part = (text: string, length: number): string => Buffer.from(text.slice(0, length)).toString();
