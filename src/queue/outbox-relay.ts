import { Injectable, Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Database } from '../database/database.js';
import { Notifications } from '../database/notifications.js';
import { outboxRelayed } from '../observability/metrics.js';
import { OUTBOX_TOPIC } from './outbox.js';
import { OutboxEntity } from './outbox.entity.js';
import { Queues } from './queues.js';

const BATCH = 200;

/** Moves committed outbox rows to their queues, in order. Several relays may run: rows are claimed with SKIP LOCKED. */
@Injectable()
export class OutboxRelay {
  private readonly logger = new Logger(OutboxRelay.name);

  constructor(
    private readonly database: Database,
    private readonly notifications: Notifications,
    private readonly queues: Queues,
  ) {}

  /** Runs until aborted; wakes on NOTIFY. A failure (Redis away) leaves the rows for the next round. */
  async run(signal: AbortSignal): Promise<void> {
    for await (const _ of this.notifications.watch(OUTBOX_TOPIC, signal)) {
      try {
        while (!signal.aborted && (await this.relayBatch()) === BATCH);
      } catch (error) {
        this.logger.error(`The outbox could not be relayed and will be tried again: ${String(error)}`);
      }
    }
  }

  /** @returns how many rows were put on queues. */
  relayBatch(): Promise<number> {
    return this.database.platform.transaction(async (tx) => {
      const rows = await this.claim(tx);
      for (const row of rows) await this.queues.add(row);
      if (rows.length > 0) await tx.update(OutboxEntity, rows.map((row) => row.id), { dispatchedAt: () => 'now()' });
      outboxRelayed.inc(rows.length);
      return rows.length;
    });
  }

  private claim(tx: EntityManager): Promise<OutboxEntity[]> {
    return tx.createQueryBuilder(OutboxEntity, 'row')
      .where('row.dispatchedAt IS NULL').orderBy('row.id').limit(BATCH)
      .setLock('pessimistic_write').setOnLocked('skip_locked').getMany();
  }
}
