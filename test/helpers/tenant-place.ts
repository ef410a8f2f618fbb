import type { World } from './tenant-world.js';

/** What a value may name: see tenant-places.ts. */
export type Place =
  | { kind: 'free'; of: (world: World) => unknown }
  | { kind: 'reference' | 'fresh'; of: (world: World) => unknown; beside: Record<string, Place> };

export type Values = Record<string, Place>;
export const free = (value?: unknown): Place => ({ kind: 'free', of: () => value });
export const reference = (of: (world: World) => unknown, beside: Values = {}): Place => ({ kind: 'reference', of, beside });
export const fresh = (of: (world: World) => unknown, beside: Values = {}): Place => ({ kind: 'fresh', of, beside });

/** The caller's own, which goes with something else that it names. */
export const own = (of: (world: World) => unknown): Place => ({ kind: 'free', of });

/** The filters by name of a list. */
export const names = (type: string): Values => ({ [`${type}Filter.nameContains`]: reference((w) => w.marker), [`${type}Filter.namePrefix`]: reference((w) => w.marker) });
/** Conditions of a list's filter that can name nothing. */
export const filters = (type: string, ...conditions: string[]): Values => Object.fromEntries(conditions.map((name) => [`${type}Filter.${name}`, free()]));
