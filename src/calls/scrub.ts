import { createHash } from 'node:crypto';
import { redacted, type findersOf } from './redactions.js';

type Finders = ReturnType<typeof findersOf>;

/** A text within the copy, to be redacted and cut in its place. */
interface Slot {
  holder: Record<string | number, unknown>;
  key: string | number;
  /** Name of the field it is in, also through lists. */
  field: string;
  /** What it was, when it was no text. */
  number?: number;
}

/** Values of a body at most; the rest is left out, and the row says that it is cut. */
const MAX_VALUES = 20_000;
const DEEPEST = 60;
/** Longer lists of numbers are embeddings: nobody reads them. */
const MAX_NUMBERS = 64;
const SHORTEST_BINARY = 256;
const HASHED_AT_ONCE = 1 << 20;
/** Numbers from here on may be somebody's: a card's, a phone's. */
const TELLING_NUMBER = 1e6;
/** What is cut off from the end of what was redacted: a secret that lies across a cut was not seen whole. */
const MARGIN = 1_024;
/** Fields whose texts people search for. */
const SAID = new Set(['content', 'text', 'prompt', 'input', 'arguments', 'system', 'refusal', 'output']);
/** Fields that hold base64 where they are long: OpenAI's images, audio and files, Anthropic's sources. */
const BINARY = new Set(['b64_json', 'data', 'file_data', 'embedding']);
const BASE64 = /^[A-Za-z0-9+/_=-]+$/;

export interface Scrubbed {
  value: unknown;
  cut: boolean;
  /** What was said in it. */
  said: string[];
}

/**
 * A copy of a value that may be kept: redacted, binary parts replaced by their digest, all of its texts together at most
 * `limit` characters. Yields between pieces of work, so that the runner may let others run.
 */
export function* scrubbed(value: unknown, finders: Finders, limit: number): Generator<void, Scrubbed> {
  const slots: Slot[] = [];
  const root = { value: undefined as unknown };
  const copy = new Copy(slots, finders.length > 0);
  root.value = copy.of(value, root, 'value', '', 0);
  yield;
  yield* digestBinaries(slots);
  const cap = capOf(slots.map(textOf), limit);
  let { cut } = copy;
  const said: string[] = [];
  for (const slot of slots) {
    const text = textOf(slot);
    const tooLong = text.length > cap;
    const clean = yield* redacted(tooLong ? text.slice(0, cap + MARGIN) : text, finders);
    slot.holder[slot.key] = tooLong ? `${clean.slice(0, Math.max(0, Math.min(cap, clean.length - MARGIN)))}… [cut: ${text.length} characters]` : clean;
    cut ||= tooLong;
    if (slot.number !== undefined && clean === text) slot.holder[slot.key] = slot.number;
    if (SAID.has(slot.field)) said.push(slot.holder[slot.key] as string);
  }
  return { value: root.value, cut, said };
}

const textOf = ({ holder, key }: Slot): string => holder[key] as string;

/** The longest that each text may be, so that all together stay within the limit. */
function capOf(texts: string[], limit: number): number {
  const lengths = texts.map(({ length }) => length).sort((a, b) => a - b);
  let left = limit;
  for (const [index, length] of lengths.entries()) {
    const share = Math.floor(left / (lengths.length - index));
    if (length > share) return share;
    left -= length;
  }
  return Infinity;
}

/** Copies JSON, and notes where its texts are. */
class Copy {
  cut = false;
  private values = 0;

  constructor(private readonly slots: Slot[], private readonly numbersTell: boolean) {}

  of(value: unknown, holder: object, key: string | number, field: string, depth: number): unknown {
    if (typeof value === 'string') {
      this.slots.push({ holder: holder as Slot['holder'], key, field });
      return value;
    }
    if (typeof value === 'number') return this.number(value, holder, key);
    if (value === null || typeof value !== 'object') return value;
    if (this.values > MAX_VALUES || depth > DEEPEST) {
      this.cut = true;
      return '… [cut]';
    }
    return Array.isArray(value) ? this.list(value, field, depth) : this.object(value as Record<string, unknown>, depth);
  }

  private number(value: number, holder: object, key: string | number): unknown {
    if (!this.numbersTell || !Number.isInteger(value) || Math.abs(value) < TELLING_NUMBER) return value;
    this.slots.push({ holder: holder as Slot['holder'], key, field: '', number: value });
    return String(value);
  }

  private list(list: unknown[], field: string, depth: number): unknown {
    if (list.length > MAX_NUMBERS && typeof list[0] === 'number') return `[${list.length} numbers]`;
    const copy: unknown[] = [];
    for (const each of list) {
      if (this.full()) break;
      copy.push(this.of(each, copy, copy.length, field, depth + 1));
    }
    return copy;
  }

  private object(object: Record<string, unknown>, depth: number): unknown {
    const copy: Record<string, unknown> = {};
    for (const name in object) {
      if (this.full()) break;
      if (name === '__proto__') continue; // it would be set, not kept
      copy[name] = this.of(object[name], copy, name, name, depth + 1);
    }
    return copy;
  }

  private full(): boolean {
    this.values += 1;
    if (this.values <= MAX_VALUES) return false;
    return (this.cut = true);
  }
}

/** Replaces base64 by its digest; a digest is not redacted, and so is no slot any more. */
function* digestBinaries(slots: Slot[]): Generator<void, void> {
  let kept = 0;
  for (const slot of slots) {
    const mark = yield* digestMark(textOf(slot), slot.field);
    if (mark === null) slots[kept++] = slot;
    else slot.holder[slot.key] = mark;
  }
  slots.length = kept;
}

function* digestMark(text: string, field: string): Generator<void, string | null> {
  if (text.length < SHORTEST_BINARY) return null;
  const url = text.startsWith('data:') ? /^data:([\w.+/-]{0,100})(?:;[\w=.-]{1,50}){0,3};base64,/.exec(text.slice(0, 300)) : null;
  if (!url && !(BINARY.has(field) && BASE64.test(text.slice(0, SHORTEST_BINARY)))) return null;
  const hash = createHash('sha256');
  const start = url?.[0].length ?? 0;
  for (let from = start; from < text.length; from += HASHED_AT_ONCE) {
    hash.update(text.slice(from, from + HASHED_AT_ONCE));
    yield;
  }
  return `[${url?.[1] || 'base64'} sha256:${hash.digest('hex')} ${Math.floor((text.length - start) * 3 / 4)} bytes]`;
}
