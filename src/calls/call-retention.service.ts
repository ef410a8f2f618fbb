import { Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { CONFIG, type Config } from '../config/config.js';
import { Reconciles } from '../queue/reconciles.js';
import { CallPartitionRepository, daysAfter, startOfDay } from './call-partition.repository.js';

/** Days that have a partition before they begin; one of yesterday is for a fresh installation. */
const AHEAD = 7;
const EVERY_MS = 60_000;
const DELETE_BATCH = 5_000;

/** Keeps the log in days: makes those to come, and forgets those that nobody keeps. */
@Injectable()
export class CallRetentionService implements OnApplicationBootstrap {
  private readonly logger = new Logger(CallRetentionService.name);
  private dueAt = 0;

  constructor(
    private readonly partitions: CallPartitionRepository,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Where no worker runs yet. Without a partition rows go where late ones do, so that a failure stops nothing. */
  async onApplicationBootstrap(): Promise<void> {
    await this.ensureDays().catch((error: unknown) => this.logger.warn(`The days of the log are not made yet: ${String(error)}`));
  }

  /** By Postgres' clock: one of a process that is ahead would delete what is to be kept. @returns how many days were made or dropped, and rows deleted. */
  @Reconciles()
  async keep(): Promise<number> {
    if (performance.now() < this.dueAt) return 0;
    const done = await this.keepAt(await this.partitions.now());
    if (done === 0) this.dueAt = performance.now() + EVERY_MS;
    return done;
  }

  /** The same at once, as of a time. */
  async keepAt(now: Date): Promise<number> {
    const { TRIAD_CALLS_KEPT_DAYS: fallback } = this.config;
    const today = startOfDay(now);
    const made = await this.ensureDays(now);
    const dropped = await this.partitions.dropBefore(daysAfter(today, -await this.partitions.longestKept(fallback)));
    return made + dropped + await this.partitions.deleteOld(today, fallback, DELETE_BATCH);
  }

  private async ensureDays(at?: Date): Promise<number> {
    const now = at ?? await this.partitions.now();
    return this.partitions.ensure(daysAfter(startOfDay(now), -1), AHEAD + 2);
  }
}
