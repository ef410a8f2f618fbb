import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Redis } from 'ioredis';
import { Counter } from 'prom-client';
import { CONFIG, type Config } from '../config/config.js';
import type { Bucket, Taken } from './buckets.js';
import { Leases } from './leases.js';
import { LocalLimiter } from './local-limiter.js';
import { defineTake, takeFromRedis, type WithTake } from './take-script.js';

/** After a failure Redis is asked again by one request of each second. */
const REST_MS = 1_000;

/** Requests that the limiter in memory let in or refused because Redis did not answer. */
export const limiterFallbacks = new Counter({
  name: 'triad_limiter_fallbacks_total',
  help: 'Limit checks answered by this process alone because Redis was away',
});

/** Takes from buckets in Redis; from buckets in memory while Redis does not answer, so that no request waits for it. */
@Injectable()
export class LimiterService implements OnModuleDestroy {
  private readonly logger = new Logger(LimiterService.name);
  private readonly local = new LocalLimiter();
  private readonly leases = new Leases();
  private readonly redis: WithTake;
  private readonly answerWithinMs: number;
  private restUntil = 0;

  constructor(@Inject(CONFIG) config: Config) {
    this.answerWithinMs = config.TRIAD_LIMITER_TIMEOUT_MS;
    const redis = new Redis(config.REDIS_URL, { enableOfflineQueue: false, maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false });
    redis.on('error', () => undefined); // ioredis connects again by itself; the limiter in memory answers meanwhile
    this.redis = defineTake(redis);
  }

  /** What was taken ahead is given back, if Redis is there to take it. */
  async onModuleDestroy(): Promise<void> {
    const back = this.leases.giveUp();
    if (back.length > 0) await within(this.answerWithinMs, takeFromRedis(this.redis, back, true)).catch(() => undefined);
    this.redis.disconnect();
  }

  /** Takes from all buckets or from none; at once as long as what was taken ahead suffices. */
  take(buckets: readonly Bucket[]): Taken | Promise<Taken> {
    return this.leases.take(buckets) ?? this.takeShared(buckets);
  }

  /** Gives back, or takes even what is not left. */
  async correct(buckets: readonly Bucket[]): Promise<void> {
    const left = this.leases.correct(buckets);
    if (left.length > 0) await this.ask(left, true);
  }

  private async takeShared(buckets: readonly Bucket[]): Promise<Taken> {
    const more = this.leases.ahead(buckets);
    const ahead = more.some((each) => each > 0) ? await this.leases.takeAhead(buckets, more, (each) => this.ask(each, false)) : null;
    return ahead ?? this.leases.withHeld(buckets, await this.ask(buckets, false));
  }

  private async ask(buckets: readonly Bucket[], force: boolean): Promise<Taken> {
    const rested = this.restUntil;
    if (rested > performance.now()) return this.takeLocally(buckets, force);
    // Until Redis has answered, requests beside this one do not try it.
    if (rested > 0) this.restUntil = performance.now() + REST_MS;
    try {
      const taken = await within(this.answerWithinMs, takeFromRedis(this.redis, buckets, force));
      this.restUntil = 0;
      return taken;
    } catch (error) {
      if (rested === 0) this.logger.warn(`Redis does not answer the limiter (${(error as Error).message}); each process counts by itself.`);
      this.restUntil = performance.now() + REST_MS;
      return this.takeLocally(buckets, force);
    }
  }

  private takeLocally(buckets: readonly Bucket[], force: boolean): Taken {
    limiterFallbacks.inc();
    return this.local.take(buckets, force);
  }
}

/**
 * The answer, if it comes in time. One that has come and is not read yet, since this process was busy, is in time: the
 * event loop reads sockets between a timer and an immediate.
 */
function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => setImmediate(() => reject(new Error(`no answer within ${ms} ms`))), ms);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
