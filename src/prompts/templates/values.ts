import type { Scalar } from './syntax.js';
import type { Work } from './work.js';

/** A value as a sentence names it. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return { string: 'text', number: 'a number', boolean: 'a boolean', object: 'an object' }[typeof value as 'object'];
}

export const isScalar = (value: unknown): value is Scalar => value === null || ['string', 'number', 'boolean'].includes(typeof value);

/** As Liquid has it: only nothing, null and false are false. */
export const isTruthy = (value: unknown): boolean => value !== undefined && value !== null && value !== false;

/**
 * A property that the value has of itself, or what Liquid adds: the size of a list, a text or an object, the first and
 * last item of a list. undefined for anything else, whatever its name.
 */
export function read(value: unknown, key: unknown): unknown {
  if (Array.isArray(value)) {
    if (typeof key === 'number' || (typeof key === 'string' && /^-?\d{1,9}$/.test(key))) return value.at(Number(key));
    return key === 'size' ? value.length : key === 'first' ? value.at(0) : key === 'last' ? value.at(-1) : undefined;
  }
  if (typeof value === 'string') return key === 'size' ? value.length : undefined;
  if (typeof value !== 'object' || value === null || !(typeof key === 'string' || typeof key === 'number')) return undefined;
  if (Object.hasOwn(value, key)) return (value as Record<string, unknown>)[key];
  return key === 'size' ? Object.keys(value).length : undefined;
}

/** Lists are equal when their items are; objects never are. */
export function isEqual(left: unknown, right: unknown, work: Work): boolean {
  if (typeof left === 'string' && typeof right === 'string') {
    if (left.length !== right.length) return false;
    work.use(left.length);
    return left === right;
  }
  if (!Array.isArray(left)) return !(typeof left === 'object' && left !== null) && (left ?? null) === (right ?? null);
  if (!Array.isArray(right) || left.length !== right.length) return false;
  work.step(left.length);
  return left.every((item, index) => isEqual(item, right[index], work));
}

/** `x == empty` and, with `blank`, `x == blank`: null, false and text of white space are blank as well. */
export function isEmpty(value: unknown, blank: boolean, work: Work): boolean {
  if (value === undefined || value === null || value === false) return blank;
  if (typeof value === 'string') {
    work.use(value.length);
    return (blank ? value.trim() : value) === '';
  }
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** Whether a text holds a text, or a list an item. undefined when the question makes no sense. */
export function contains(whole: unknown, part: unknown, work: Work): boolean | undefined {
  if (Array.isArray(whole)) {
    work.step(whole.length);
    return whole.some((item) => isEqual(item, part, work));
  }
  if (whole === null || whole === undefined) return false;
  if (typeof whole !== 'string' || !isScalar(part)) return undefined;
  const needle = String(part);
  work.search(whole, needle);
  return whole.includes(needle);
}

/** < and the like, between numbers or between texts; with null never. undefined when the two cannot be compared. */
export function compare(operator: '<' | '<=' | '>' | '>=', left: unknown, right: unknown): boolean | undefined {
  if (left === null || left === undefined || right === null || right === undefined) return false;
  if (!(typeof left === 'number' && typeof right === 'number') && !(typeof left === 'string' && typeof right === 'string')) return undefined;
  switch (operator) {
    case '<': return left < right;
    case '<=': return left <= right;
    case '>': return left > right;
    case '>=': return left >= right;
  }
}
