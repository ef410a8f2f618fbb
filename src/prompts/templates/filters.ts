import { filters as liquidFilters } from 'liquidjs';
import type { Work } from './work.js';

/** What a filter takes before its arguments. */
export type Takes = 'scalar' | 'list' | 'scalars' | 'any';

export interface Filter {
  takes: Takes;
  /** Arguments at least and at most; each is a scalar. */
  args: [number, number];
  apply(value: unknown, args: unknown[], work: Work): unknown;
}

/** What LiquidJS' own filters are called with. */
type LiquidFilter = (this: { context: { ownPropertyOnly: true; memoryLimit: { use(amount: number): void } } }, value: unknown, ...args: unknown[]) => unknown;

/** A filter of LiquidJS, whose work is counted. */
function ofLiquid(name: string, takes: Takes, args: [number, number]): Filter {
  const filter = (liquidFilters as unknown as Record<string, LiquidFilter>)[name]!;
  return { takes, args, apply: (value, given, work) => filter.call({ context: { ownPropertyOnly: true, memoryLimit: work } }, value, ...given) };
}

const replace = ofLiquid('replace', 'scalar', [1, 2]);

/** None reads a date, a file or a pattern, and each takes time in proportion to what it is given. */
const FILTERS: Record<string, Filter> = {
  append: ofLiquid('append', 'scalar', [1, 1]),
  capitalize: ofLiquid('capitalize', 'scalar', [0, 0]),
  default: {
    takes: 'any', args: [1, 1],
    apply: (value, [otherwise]) => (value === null || value === false || value === '' || (Array.isArray(value) && value.length === 0) ? otherwise : value),
  },
  downcase: ofLiquid('downcase', 'scalar', [0, 0]),
  first: { takes: 'list', args: [0, 0], apply: (value) => (value as unknown[])[0] ?? null },
  join: ofLiquid('join', 'scalars', [0, 1]),
  json: { takes: 'any', args: [0, 1], apply: (value, [indent], work) => work.counted(JSON.stringify(value, null, Math.min(Number(indent) || 0, 8))) },
  last: { takes: 'list', args: [0, 0], apply: (value) => (value as unknown[]).at(-1) ?? null },
  prepend: ofLiquid('prepend', 'scalar', [1, 1]),
  replace: {
    ...replace,
    apply: (value, [pattern, by = ''], work) => {
      work.search(String(value), String(pattern));
      if (pattern === '') work.step(String(value).length);
      return replace.apply(value, [pattern, by], work);
    },
  },
  size: { takes: 'any', args: [0, 0], apply: (value) => (typeof value === 'string' || Array.isArray(value) ? value.length : 0) },
  strip: ofLiquid('strip', 'scalar', [0, 0]),
  truncate: ofLiquid('truncate', 'scalar', [0, 2]),
  upcase: ofLiquid('upcase', 'scalar', [0, 0]),
};

export const FILTER_NAMES: ReadonlySet<string> = new Set(Object.keys(FILTERS));

/** @param name one of FILTER_NAMES */
export const filterOf = (name: string): Filter => FILTERS[name]!;
