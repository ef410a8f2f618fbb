import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Redis } from 'ioredis';
import { Counter } from 'prom-client';
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { Resting } from '../../common/resting.js';
import { within } from '../../observability/within.js';
import { CONFIG, type Config } from '../../config/config.js';
import { LRUCache } from 'lru-cache';
import type { CachePolicy } from '../../deployments/deployment.entity.js';
import { canonical } from './canonical.js';

/** The cache may cost a call no more than this. */
const ANSWER_WITHIN_MS = 50;
/** Longer answers are rare and would crowd out others. */
const MAX_BYTES = 512 * 1024;
/** Redis evicts nothing, since queues are in it; answers leave it room. */
const MAX_FILL = 0.75;
const LOOK_MS = 5_000;
const [IV_BYTES, TAG_BYTES] = [12, 16];

const lookups = new Counter({ name: 'triad_gateway_cache_total', labelNames: ['outcome'] as const, help: 'Answer cache: hit, miss, unavailable (Redis did not answer in time), stored, skipped (too long, or Redis is nearly full)' });

/** What a request's answers are kept under. */
export interface CacheKey {
  projectId: string;
  /** In Redis; tells nothing of the request. */
  key: string;
}

/** A kept answer. */
export interface CachedAnswer {
  /** As the target answered, in OpenAI's shape. */
  text: string;
  /** Seconds since. */
  age: number;
}

/**
 * Whole answers by the exact request, in Redis. Names of entries are keyed hashes and answers are encrypted, each with the
 * project's own key, so that who can read Redis reads no tenant's texts. A Redis that is away is a miss.
 */
@Injectable()
export class AnswerCache implements OnModuleDestroy {
  private readonly logger = new Logger('Gateway');
  private readonly redis: Redis;
  private readonly keys = new LRUCache<string, Buffer>({ max: 10_000 });
  private readonly resting = new Resting();
  private fill = { hasRoom: true, lookedAt: -Infinity };

  constructor(@Inject(CONFIG) private readonly config: Config) {
    this.redis = new Redis(config.REDIS_URL, { enableOfflineQueue: false, maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false });
    this.redis.on('error', () => undefined); // ioredis connects again by itself; there are no hits meanwhile
  }

  onModuleDestroy(): void {
    this.redis.disconnect();
  }

  /**
   * What a request's answers are kept under; null for one whose answer may not be kept.
   * @param operation images are not kept: their URLs end
   * @param target that answers, as the route calls it
   */
  keyOf(projectId: string, operation: string, target: string, request: Record<string, unknown>, policy: CachePolicy): CacheKey | null {
    if (operation === 'image' || (policy.onlyDeterministic && !isDeterministic(operation, request))) return null;
    const digest = createHmac('sha256', this.keyFor(projectId)).update(JSON.stringify([operation, target])).update(canonical(request)).digest('base64url');
    return { projectId, key: `triad:answers:${projectId}:${digest}` };
  }

  /** Never throws; null also when Redis does not answer in time. */
  async get(key: CacheKey): Promise<CachedAnswer | null> {
    if (this.resting.now()) return this.missed('unavailable');
    try {
      const stored = await within(ANSWER_WITHIN_MS, 'Redis', this.redis.getBuffer(key.key));
      this.resting.over();
      const answer = stored && this.open(key, stored);
      if (!answer) return this.missed('miss');
      lookups.inc({ outcome: 'hit' });
      return answer;
    } catch (error) {
      this.rest(error as Error);
      return this.missed('unavailable');
    }
  }

  /** Keeps an answer, in its own time. Never throws. */
  put(key: CacheKey, text: string, { ttlSeconds }: CachePolicy): void {
    if (text.length > MAX_BYTES || this.resting.now()) return lookups.inc({ outcome: 'skipped' });
    this.store(key, text, ttlSeconds).catch((error: unknown) => this.rest(error as Error));
  }

  private async store(key: CacheKey, text: string, ttlSeconds: number): Promise<void> {
    const hasRoom = await this.hasRoom();
    if (hasRoom) await this.redis.set(key.key, this.seal(key, text), 'EX', ttlSeconds);
    lookups.inc({ outcome: hasRoom ? 'stored' : 'skipped' });
  }

  private async hasRoom(): Promise<boolean> {
    const now = performance.now();
    if (now - this.fill.lookedAt < LOOK_MS) return this.fill.hasRoom;
    this.fill.lookedAt = now;
    const memory = await this.redis.info('memory');
    const bytes = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(memory)?.[1] ?? 0);
    const limit = bytes('maxmemory') || bytes('total_system_memory') / 2;
    this.fill.hasRoom = limit === 0 || bytes('used_memory') < MAX_FILL * limit;
    return this.fill.hasRoom;
  }

  private missed(outcome: 'miss' | 'unavailable'): null {
    lookups.inc({ outcome });
    return null;
  }

  private rest(error: Error): void {
    if (this.resting.begin()) this.logger.warn(`Redis does not answer the answer cache (${error.message}); calls go on without it.`);
  }

  private keyFor(projectId: string): Buffer {
    let key = this.keys.get(projectId);
    if (!key) this.keys.set(projectId, key = Buffer.from(hkdfSync('sha256', Buffer.from(this.config.TRIAD_SECRET_KEY, 'base64'), projectId, 'triad answer cache', 32)));
    return key;
  }

  private seal({ projectId, key }: CacheKey, text: string): Buffer {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.keyFor(projectId), iv, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(key));
    const sealed = Buffer.concat([cipher.update(`${Date.now()} ${text}`, 'utf8'), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), sealed]);
  }

  /** Null for what another key sealed, or somebody changed. */
  private open({ projectId, key }: CacheKey, stored: Buffer): CachedAnswer | null {
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.keyFor(projectId), stored.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
        .setAAD(Buffer.from(key)).setAuthTag(stored.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
      const plain = Buffer.concat([decipher.update(stored.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8');
      const space = plain.indexOf(' ');
      return { text: plain.slice(space + 1), age: Math.max(0, Math.round((Date.now() - Number(plain.slice(0, space))) / 1000)) };
    } catch {
      return null;
    }
  }
}

const isDeterministic = (operation: string, { temperature, seed }: Record<string, unknown>): boolean =>
  operation === 'embedding' || temperature === 0 || typeof seed === 'number';
