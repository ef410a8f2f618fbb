import { RE2JS } from 're2js';
import { DomainError } from '../common/errors.js';
import type { Redaction } from './call.entity.js';

/** Finds what is to be hidden. Both kinds take time linear in the text for each match. */
interface Finder {
  replacement: string;
  /** Where the first match that starts at `from` or later lies in `text`, which may be empty; null: there is none. */
  find: (text: string, from: number) => { start: number; end: number } | null;
  /** Characters that are searched at once. */
  window: number;
  /** Characters beyond them that are looked at: a longer match may be missed where two windows meet. */
  overlap: number;
}

/** As a caller sets it. */
export interface RedactionInput {
  name: string;
  pattern?: string | null;
  replacement?: string | null;
}

interface BuiltIn {
  description: string;
  pattern: RegExp;
  /** Whether a match is what it looks like. */
  holds?: (match: string) => boolean;
}

/** Patterns that need only be named. None can backtrack: each step of them is decided by one character, or is bounded. */
export const BUILT_IN: Record<string, BuiltIn> = {
  email: { description: 'E-mail addresses', pattern: /(?<![\w.%+-])[\w.%+-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}\b/gi },
  credit_card: { description: 'Card numbers of 13 to 19 digits, with spaces or dashes, whose check digit is right', pattern: /(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)/g, holds: isLuhn },
  phone: { description: 'Phone numbers that begin with + or 00, or are written in groups', pattern: /(?<![\w+])(?:\+|00)[1-9](?:[ ().\/-]{0,2}\d){7,14}(?!\d)|(?<![\w-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])/g },
  api_key: {
    description: 'Keys of Triad, OpenAI, Anthropic, AWS, Google, GitHub, Slack, Stripe and Hugging Face, webhook secrets, bearer tokens and JSON Web Tokens',
    pattern: /\b(?:triad_|whsec_|sk-|sk_(?:live|test)_|rk_live_|gh[pousr]_|github_pat_|xox[abpr]-|hf_|AKIA|ASIA|AIza)[\w+/=-]{8,512}|\bBearer [\w+/=.-]{8,4096}|\beyJ[\w-]{8,2048}\.[\w-]{8,4096}\.[\w-]{8,1024}/g,
  },
  iban: { description: 'Bank account numbers (IBAN)', pattern: /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b/g, holds: isIban },
  us_ssn: { description: 'US social security numbers, with dashes', pattern: /(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])/g },
  ip_address: { description: 'IPv4 addresses', pattern: /(?<![\d.])(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}(?![\d.])/g },
};

const MAX_REDACTIONS = 50;
const MAX_PATTERN = 1_000;
/** Instructions of a compiled pattern, and of a project's together: what a character may cost. */
const MAX_PROGRAM = 500;
const MAX_PROGRAMS = 2_000;

/** @throws DomainError bad_input saying which is wrong, where and why. */
export function checkRedactions(given: readonly RedactionInput[]): Redaction[] {
  if (given.length > MAX_REDACTIONS) throw new DomainError('bad_input', `There are ${given.length} redactions; a project may have ${MAX_REDACTIONS}.`, 'redactions');
  const twice = given.find(({ name }, index) => given.findIndex((other) => other.name === name) !== index);
  if (twice) throw new DomainError('bad_input', `Two redactions are named ${JSON.stringify(twice.name)}; each needs a name of its own.`, 'redactions');
  let steps = 0;
  return given.map(({ name, pattern, replacement }) => {
    if (!/^[\w.-]{1,64}$/.test(name)) throw new DomainError('bad_input', `${JSON.stringify(name.slice(0, 100))} is no name for a redaction: use 1–64 letters, digits, '_', '.', '-'.`, 'redactions');
    if (replacement != null && replacement.length > 200) throw new DomainError('bad_input', `The replacement of ${name} has ${replacement.length} characters; at most 200 are allowed.`, 'redactions');
    if (pattern == null && !Object.hasOwn(BUILT_IN, name)) {
      throw new DomainError('bad_input', `${JSON.stringify(name)} has no pattern, and is none of those built in: ${Object.keys(BUILT_IN).join(', ')}.`, 'redactions');
    }
    if (pattern != null) steps += compile(name, pattern).programSize();
    if (steps > MAX_PROGRAMS) throw new DomainError('bad_input', `The patterns up to ${name} are too large together (${steps} steps when their repetitions are written out; at most ${MAX_PROGRAMS} in a project). Shorten them, or name one that is built in.`, 'redactions');
    return { name, pattern: pattern ?? null, replacement: replacement ?? `[${name}]` };
  });
}

function compile(name: string, pattern: string): RE2JS {
  const wrong = (why: string) => new DomainError('bad_input', `The pattern of ${name} ${why}`, 'redactions');
  if (pattern.length > MAX_PATTERN) throw wrong(`has ${pattern.length} characters; at most ${MAX_PATTERN} are allowed.`);
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (error) {
    const { error: reason, input } = error as { error?: string; input?: string | null };
    const at = input ? pattern.indexOf(input) : -1;
    throw wrong(`is no RE2 expression: ${reason ?? (error as Error).message}${at < 0 ? '' : ` at character ${at + 1}, ${JSON.stringify(input)}`}. RE2 has neither look-around nor back-references.`);
  }
  if (compiled.programSize() > MAX_PROGRAM) throw wrong(`is too large when its repetitions are written out (${compiled.programSize()} steps; at most ${MAX_PROGRAM}).`);
  if (compiled.matches('')) throw wrong('matches the empty text, and so every place of every text. Write + for *, or say what must be there.');
  return compiled;
}

/** Makes what applies a project's redactions, in their order. */
export function findersOf(redactions: readonly Redaction[]): Finder[] {
  return redactions.flatMap(({ name, pattern, replacement }) => {
    if (pattern !== null) return [re2Finder(replacement, RE2JS.compile(pattern))];
    const builtIn = Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined;
    return builtIn ? [{ replacement, find: builtInFinder(builtIn), window: 8_192, overlap: MAX_OVERLAP }] : [];
  });
}

const MAX_OVERLAP = 1_024;
const MIN_OVERLAP = 256;
/** What a search of an own pattern may take, and what a character takes at worst: alone, and for each instruction. */
const SEARCH_NS = 4_000_000;
const CHARACTER_NS = 1_000;
const INSTRUCTION_NS = 16;

function re2Finder(replacement: string, compiled: RE2JS): Finder {
  const seen = Math.floor(SEARCH_NS / (CHARACTER_NS + INSTRUCTION_NS * compiled.programSize()));
  const overlap = Math.min(MAX_OVERLAP, Math.max(MIN_OVERLAP, seen >> 1));
  return {
    replacement, overlap, window: Math.max(MIN_OVERLAP, seen - overlap),
    find: (text, from) => {
      const search = compiled.matcher(text);
      return from <= text.length && search.find(from) ? { start: search.start(), end: search.end() } : null;
    },
  };
}

const builtInFinder = ({ pattern, holds }: BuiltIn): Finder['find'] => {
  const own = new RegExp(pattern.source, pattern.flags);
  return (text, from) => {
    own.lastIndex = from;
    for (let match = own.exec(text); match; match = own.exec(text)) {
      if (!holds || holds(match[0])) return { start: match.index, end: match.index + match[0].length };
    }
    return null;
  };
};

/** Replaces all matches. It yields after each search, which takes a few milliseconds at most, so that whoever runs it may let others run. */
export function* redacted(text: string, finders: readonly Finder[]): Generator<void, string> {
  let result = text;
  for (const finder of finders) result = yield* replaced(result, finder);
  return result;
}

function* replaced(text: string, { find, replacement, window: size, overlap }: Finder): Generator<void, string> {
  let kept = '';
  let copied = 0;
  for (let window = 0; window < text.length;) {
    // One character before, for what a pattern says of word boundaries.
    const base = Math.max(0, window - 1);
    const seen = base === 0 && text.length <= size + overlap ? text : text.slice(base, window + size + overlap);
    let next = window + size;
    for (let match = find(seen, window - base); match && base + match.start < window + size;) {
      if (match.end > match.start) {
        kept += text.slice(copied, base + match.start) + replacement;
        copied = base + match.end;
        next = Math.max(next, copied);
      }
      yield;
      match = find(seen, match.end > match.start ? match.end : match.end + 1);
    }
    window = next;
    yield;
  }
  return copied === 0 ? text : kept + text.slice(copied);
}

function isLuhn(text: string): boolean {
  const digits = text.replace(/\D/g, '');
  let sum = 0;
  for (let place = 0; place < digits.length; place += 1) {
    const digit = Number(digits[digits.length - 1 - place]);
    sum += place % 2 === 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2;
  }
  return sum % 10 === 0 && !/^0+$/.test(digits);
}

function isIban(text: string): boolean {
  const bare = text.replaceAll(' ', '');
  if (bare.length < 15 || bare.length > 34) return false;
  const digits = (bare.slice(4) + bare.slice(0, 4)).replace(/[A-Z]/g, (letter) => String(letter.charCodeAt(0) - 55));
  let rest = 0;
  for (const digit of digits) rest = (rest * 10 + Number(digit)) % 97;
  return rest === 1;
}
