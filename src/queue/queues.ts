import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { CONFIG, type Config } from '../config/config.js';
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
    await this.queues.get(JOBS[row.job].queue)!.add(row.job, row.payload, {
      jobId: `outbox-${row.id}`,
      delay: Math.ceil(row.delayMs),
      removeOnComplete: { age: 3600, count: 1000 },
      removeOnFail: { age: 86_400, count: 1000 },
    });
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.allSettled([...this.queues.values()].map((queue) => queue.close()));
    for (const connection of this.connections) connection.disconnect();
  }
}
