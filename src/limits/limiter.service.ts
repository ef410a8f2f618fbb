import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Redis } from 'ioredis';
import { Counter } from 'prom-client';
import { Resting } from '../common/resting.js';
import { CONFIG, type Config } from '../config/config.js';
import { within } from '../observability/within.js';
import type { Bucket, Taken } from './buckets.js';
import { Leases } from './leases.js';
import { LocalLimiter } from './local-limiter.js';
import { defineTake, takeFromRedis, type WithTake } from './take-script.js';

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
  private readonly resting = new Resting();

  constructor(@Inject(CONFIG) config: Config) {
    this.answerWithinMs = config.TRIAD_LIMITER_TIMEOUT_MS;
    const redis = new Redis(config.REDIS_URL, { enableOfflineQueue: false, maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false });
    redis.on('error', () => undefined); // ioredis connects again by itself; the limiter in memory answers meanwhile
    this.redis = defineTake(redis);
  }

  /** What was taken ahead is given back, if Redis is there to take it. */
  async onModuleDestroy(): Promise<void> {
    const back = this.leases.giveUp();
    if (back.length > 0) await within(this.answerWithinMs, 'Redis', takeFromRedis(this.redis, back, true)).catch(() => undefined);
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
    if (this.resting.now()) return this.takeLocally(buckets, force);
    try {
      const taken = await within(this.answerWithinMs, 'Redis', takeFromRedis(this.redis, buckets, force));
      this.resting.over();
      return taken;
    } catch (error) {
      if (this.resting.begin()) this.logger.warn(`Redis does not answer the limiter (${(error as Error).message}); each process counts by itself.`);
      return this.takeLocally(buckets, force);
    }
  }

  private takeLocally(buckets: readonly Bucket[], force: boolean): Taken {
    limiterFallbacks.inc();
    return this.local.take(buckets, force);
  }
}
