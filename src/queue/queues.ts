import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { CONFIG, type Config } from '../config/config.js';
import { traceRelay } from '../observability/trace-context.js';
import { JOBS, QUEUE_CONCURRENCY, type QueueName } from './jobs.js';
import type { OutboxEntity } from './outbox.entity.js';

/** The BullMQ queues and their connections. Delivery only: state is in Postgres. */
@Injectable()
export class Queues implements OnModuleDestroy {
  private readonly connections: Redis[] = [];
  private readonly queues: Map<QueueName, Queue>;
  private readonly producer: Redis;

  constructor(@Inject(CONFIG) private readonly config: Config) {
    const connection = this.producer = this.connect({ maxRetriesPerRequest: 1 });
    const names = Object.keys(QUEUE_CONCURRENCY) as QueueName[];
    this.queues = new Map(names.map((name) => [name, new Queue(name, { connection, prefix: 'triad' })]));
    // Without a listener BullMQ prints each try to connect; who uses the queue hears of it by the command that fails.
    for (const queue of this.all()) queue.on('error', () => undefined);
  }

  /** A connection that ends with the module. Workers need `maxRetriesPerRequest: null`. */
  connect(options: { maxRetriesPerRequest: number | null }): Redis {
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

  /** Puts one outbox row on its queue. The row's id is the message's, so that a second relay of it is one message. */
  async add(row: OutboxEntity): Promise<void> {
    const metadata = traceRelay(row.job, row.traceContext, row.createdAt);
    await this.queues.get(JOBS[row.job].queue)!.add(row.job, row.payload, {
      ...(metadata && { telemetry: { metadata } }),
      jobId: `outbox-${row.id}`,
      delay: Math.max(0, row.dueAt.getTime() - Date.now()),
      removeOnComplete: { age: 3600, count: 1000 },
      removeOnFail: { age: 86_400, count: 1000 },
    });
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
