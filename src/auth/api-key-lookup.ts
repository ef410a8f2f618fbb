import { Injectable, Logger } from '@nestjs/common';
import { Database } from '../database/database.js';
import { Notifications } from '../database/notifications.js';
import { Remembered } from '../database/remembered.js';
import { ApiKeyRepository, type ValidKey } from './api-key.repository.js';

/** A revoked key is refused everywhere this long after its revocation, and a key in steady use costs two look-ups a second. */
const KEPT_MS = 500;
/** Who calls is not known before the key is. */
const NO_PROJECT = '';

type KnownKey = ValidKey & { endsAt: number };

/**
 * Finds keys by hash: one look-up for all who ask at once, kept for half a second. What is not found is not kept. While
 * Postgres is away, and so no key can be revoked, those known stay valid until they expire.
 */
@Injectable()
export class ApiKeyLookup {
  private readonly logger = new Logger(ApiKeyLookup.name);
  private readonly known: Remembered<KnownKey>;

  constructor(private readonly keys: ApiKeyRepository, database: Database, notifications: Notifications) {
    this.known = new Remembered(database, notifications, { topic: 'api-keys', freshMs: KEPT_MS, max: 10_000 });
  }

  /** The key, when it needs no look-up. */
  peek(hash: string): ValidKey | undefined {
    return unlessEnded(this.known.peek(NO_PROJECT, hash));
  }

  /** @returns undefined when no key that is valid now has that hash. */
  async find(hash: string): Promise<ValidKey | undefined> {
    return unlessEnded(await this.known.get(NO_PROJECT, hash, () => this.read(hash)));
  }

  private async read(hash: string): Promise<KnownKey | undefined> {
    const startedAt = performance.now();
    const key = await this.keys.findValid(hash);
    if (!key) return undefined;
    if (key.useIsNews) this.noteUse(key.id);
    return { ...key, endsAt: startedAt + (key.remainingMs ?? Infinity) };
  }

  /** Nobody waits for it, and nothing depends on it. */
  private noteUse(id: string): void {
    this.keys.noteUse(id).catch((error: unknown) => this.logger.debug(`The use of ${id} was not noted: ${String(error)}`));
  }
}

function unlessEnded(key: KnownKey | undefined): KnownKey | undefined {
  return key && performance.now() < key.endsAt ? key : undefined;
}
