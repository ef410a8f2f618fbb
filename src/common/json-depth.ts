import { DomainError } from './errors.js';

const MAX_DEPTH = 64;

/**
 * Refuses a request body that is nested deeper than anything reads, before recursion over it, here or in Postgres, runs
 * out of stack.
 * @throws DomainError bad_input.
 */
export function assertShallow(body: unknown): void {
  let level = isNested(body) ? [body] : [];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) throw new DomainError('bad_input', `The JSON of the request is nested more than ${MAX_DEPTH} levels deep. Send it flatter.`);
    const below: object[] = [];
    for (const each of level) {
      for (const value of Object.values(each) as unknown[]) if (isNested(value)) below.push(value);
    }
    level = below;
  }
}

const isNested = (value: unknown): value is object => typeof value === 'object' && value !== null && !Buffer.isBuffer(value);
