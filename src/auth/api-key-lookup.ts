import { Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { ApiKeyRepository, type ValidKey } from './api-key.repository.js';

/** A revoked key is refused everywhere this long after its revocation, and a key in steady use costs two look-ups a second. */
const KEPT_MS = 500;

/** Finds keys by hash: one look-up for all who ask at once, kept for half a second. What is not found is not kept. */
@Injectable()
export class ApiKeyLookup {
  private readonly logger = new Logger(ApiKeyLookup.name);
  private readonly kept = new LRUCache<string, ValidKey>({
    max: 10_000,
    ttl: KEPT_MS,
    ignoreFetchAbort: true, // one that is crowded out while it is looked up is still answered
    fetchMethod: async (hash, _stale, { options }) => {
      const startedAt = performance.now();
      const key = await this.keys.findValid(hash);
      if (!key) return undefined;
      // Counted from before the look-up, which may have read just before a revocation; a key is never kept past its expiry.
      const left = Math.min(KEPT_MS, key.remainingMs ?? KEPT_MS) - (performance.now() - startedAt);
      options.ttl = Math.max(1, Math.floor(left)); // 0 would mean for ever
      if (key.useIsNews) this.noteUse(key.id);
      return key;
    },
  });

  constructor(private readonly keys: ApiKeyRepository) {}

  /** @returns undefined when no key that is valid now has that hash. */
  find(hash: string): Promise<ValidKey | undefined> {
    return this.kept.fetch(hash);
  }

  /** Nobody waits for it, and nothing depends on it. */
  private noteUse(id: string): void {
    this.keys.noteUse(id).catch((error: unknown) => this.logger.debug(`The use of ${id} was not noted: ${String(error)}`));
  }
}
