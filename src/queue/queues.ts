import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { type BulkJobOptions, Queue } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import { setTimeout as wait } from 'node:timers/promises';
import { CONFIG, type Config } from '../config/config.js';
import { traceRelay } from '../observability/trace-context.js';
import { JOBS, QUEUE_CONCURRENCY, type QueueName } from './jobs.js';
import type { OutboxEntity } from './outbox.entity.js';

/** A Redis that accepts connections and never answers counts as away after so long. */
const ANSWER_WITHIN_MS = 5_000;

/** A handler that failed, because Postgres is away or for another reason, is called again for about a minute; reconcilers see to the rest. */
const TRIES = { attempts: 8, backoff: { type: 'exponential', delay: 500, jitter: 0.5 } };

/** The BullMQ queues and their connections. Delivery only: state is in Postgres. */
@Injectable()
export class Queues implements OnModuleDestroy {
  private readonly connections: Redis[] = [];
  private readonly queues: Map<QueueName, Queue>;
  private readonly producer: Redis;

  constructor(@Inject(CONFIG) private readonly config: Config) {
    const connection = this.producer = this.connect({ maxRetriesPerRequest: 1, commandTimeout: ANSWER_WITHIN_MS });
    const names = Object.keys(QUEUE_CONCURRENCY) as QueueName[];
    this.queues = new Map(names.map((name) => [name, new Queue(name, { connection, prefix: 'triad' })]));
    for (const queue of this.queues.values()) queue.on('error', () => undefined); // whoever called it is told
  }

  /** A connection that ends with the module. Workers need `maxRetriesPerRequest: null`. */
  connect(options: RedisOptions): Redis {
    const connection = new Redis(this.config.REDIS_URL, options);
    connection.on('error', () => undefined); // ioredis connects again by itself; commands fail in the meantime
    this.connections.push(connection);
    return connection;
  }

  /** @throws Error when Redis does not answer, or may evict keys (BullMQ would lose jobs). */
  async assertUsable(): Promise<void> {
    const memory = await this.producer.info('memory');
    const policy = /maxmemory_policy:(\S+)/.exec(memory)?.[1];
    if (policy !== 'noeviction') {
      throw new Error(`Redis has maxmemory-policy ${policy}; jobs could vanish. Mend: redis-cli CONFIG SET maxmemory-policy noeviction`);
    }
  }

  /**
   * Puts outbox rows on their queues, in their order. A row's id is the message's, so that a second relay of it is one message.
   * @throws Error when Redis does not answer in time; some of the rows may be on their queues nevertheless.
   */
  async addAll(rows: OutboxEntity[]): Promise<void> {
    const adding = [...this.queues].map(async ([name, queue]) => {
      const messages = rows.filter((row) => JOBS[row.job].queue === name).map(messageOf);
      if (messages.length > 0) await queue.addBulk(messages);
    });
    const over = new AbortController();
    const silence = wait(ANSWER_WITHIN_MS, undefined, { signal: over.signal }).then(() => { throw new Error(`Redis has not answered for ${ANSWER_WITHIN_MS} ms`); });
    await Promise.race([Promise.all(adding), silence]).finally(() => over.abort());
  }

  /** The queues themselves, to be looked at. */
  all(): Queue[] {
    return [...this.queues.values()];
  }

  /** How many messages each queue holds by state, and how long the one at its front has waited. */
  measure(): Promise<{ queue: string; counts: Record<string, number>; oldestWaitingMs: number }[]> {
    return Promise.all(this.all().map(async (queue) => {
      const [counts, [oldest]] = await Promise.all([queue.getJobCounts('waiting', 'active', 'delayed', 'failed'), queue.getJobs(['waiting'], 0, 0, true)]);
      return { queue: queue.name, counts, oldestWaitingMs: oldest ? Math.max(0, Date.now() - oldest.timestamp - oldest.delay) : 0 };
    }));
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.allSettled([...this.queues.values()].map((queue) => queue.close()));
    for (const connection of this.connections) connection.disconnect();
  }
}

function messageOf(row: OutboxEntity): { name: string; data: object; opts: BulkJobOptions } {
  const metadata = traceRelay(row.job, row.traceContext, row.createdAt);
  return {
    name: row.job,
    data: row.payload,
    opts: {
      ...(metadata && { telemetry: { metadata } }),
      jobId: `outbox-${row.id}`,
      delay: Math.ceil(row.delayMs),
      ...TRIES,
      removeOnComplete: { age: 3600, count: 1000 },
      removeOnFail: { age: 86_400, count: 1000 },
    },
  };
}
