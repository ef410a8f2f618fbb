import DataLoader from 'dataloader';
import type { RequestContext } from './request-context.js';

/** Keys of one statement at most. */
const MAX_BATCH = 1000;

/**
 * A look-up that fields of many objects share: the keys that a request asks for at the same time are fetched together,
 * each once. Nothing is remembered after that, so that what a subscription reads next, or a mutation wrote, is fresh.
 * @param fetch answers what there is; keys that it leaves out answer undefined
 */
export function batched<K, V>(
  fetch: (ctx: RequestContext, keys: readonly K[]) => Promise<ReadonlyMap<K, V>>,
): (ctx: RequestContext, key: K) => Promise<V | undefined> {
  return perRequest<K, V | undefined>(async (ctx, keys) => {
    const found = await fetch(ctx, keys);
    return keys.map((key) => found.get(key));
  });
}

/** The same for a list of each parent: one fetch for all parents that are asked the same thing. */
export function batchedLists<A, V>(
  fetch: (ctx: RequestContext, parentIds: readonly string[], args: A) => Promise<ReadonlyMap<string, V>>,
): (ctx: RequestContext, parentId: string, args: A) => Promise<V> {
  const load = perRequest<{ parentId: string; args: A }, V>(async (ctx, keys) => {
    const groups = new Map<string, { args: A; parentIds: string[] }>();
    for (const { parentId, args } of keys) {
      const asked = JSON.stringify(args);
      const group = groups.get(asked) ?? { args, parentIds: [] };
      group.parentIds.push(parentId);
      groups.set(asked, group);
    }
    const found = new Map(await Promise.all(Array.from(groups, async ([asked, { args, parentIds }]) => [asked, await fetch(ctx, parentIds, args)] as const)));
    return keys.map(({ parentId, args }) => found.get(JSON.stringify(args))!.get(parentId)!);
  }, JSON.stringify);
  return (ctx, parentId, args) => load(ctx, { parentId, args });
}

function perRequest<K, V>(
  fetch: (ctx: RequestContext, keys: readonly K[]) => Promise<V[]>,
  cacheKeyFn: (key: K) => unknown = (key) => key,
): (ctx: RequestContext, key: K) => Promise<V> {
  const loaders = new WeakMap<RequestContext, DataLoader<K, V>>();
  return (ctx, key) => {
    let loader = loaders.get(ctx);
    if (!loader) {
      const made = new DataLoader<K, V, unknown>((keys) => {
        made.clearAll();
        return fetch(ctx, keys);
      }, { maxBatchSize: MAX_BATCH, cacheKeyFn });
      loaders.set(ctx, loader = made as DataLoader<K, V>);
    }
    return loader.load(key);
  };
}

/** Rows by their id, as `batched` takes them. */
export const byId = <T extends { id: string }>(rows: T[]): Map<string, T> => new Map(rows.map((row) => [row.id, row]));

/** Rows by what they belong to; a parent without rows has an empty list. */
export function byParent<T>(parentIds: readonly string[], rows: T[], parentOf: (row: T) => string): Map<string, T[]> {
  const lists = new Map(parentIds.map((id) => [id, [] as T[]]));
  for (const row of rows) lists.get(parentOf(row))?.push(row);
  return lists;
}
