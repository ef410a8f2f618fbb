import { Injectable, Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Database } from '../database/database.js';
import { Notifications } from '../database/notifications.js';
import { outboxRelayed } from '../observability/metrics.js';
import { JOBS } from './jobs.js';
import { OUTBOX_TOPIC } from './outbox.js';
import { OutboxEntity } from './outbox.entity.js';
import { Queues } from './queues.js';

const BATCH = 200;
/** Rows that were dispatched are kept so long, for whoever asks what became of a message. */
const KEPT = "interval '1 day'";
const TRIM_BATCH = 5_000;

/**
 * Moves committed outbox rows to their queues, in order per aggregate (docs/adr/0007-outbox.md). Several relays may run:
 * a row is locked while it is moved, so that one that dies leaves it to the others at once.
 */
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
    for await (const _ of this.notifications.watch(OUTBOX_TOPIC, signal)) await this.drain(signal);
  }

  /** Moves all there is. Logs what goes wrong rather than throwing it. */
  async drain(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted && (await this.relayBatch()) > 0);
    } catch (error) {
      this.logger.error(`The outbox could not be relayed and will be tried again: ${String(error)}`);
    }
  }

  /** @returns how many rows were put on queues. */
  relayBatch(): Promise<number> {
    return this.database.platform.transaction(async (tx) => {
      const rows = await this.claim(tx);
      if (rows.length === 0) return 0;
      await this.queues.addAll(rows);
      await tx.update(OutboxEntity, rows.map((row) => row.id), { dispatchedAt: () => 'now()' });
      outboxRelayed.inc(rows.length);
      return rows.length;
    });
  }

  /** Deletes some of the rows that were dispatched long ago. */
  async trim(): Promise<void> {
    await this.database.platform.query(`DELETE FROM outbox WHERE id IN (
      SELECT id FROM outbox WHERE dispatched_at < now() - ${KEPT} ORDER BY dispatched_at LIMIT ${TRIM_BATCH} FOR UPDATE SKIP LOCKED)`);
  }

  /**
   * Locks rows that are the first of their aggregate. A later one is not to be had before the first is dispatched and that
   * is committed, whichever relay holds it. Rows of a job that this version does not know are left to one that does.
   */
  private claim(tx: EntityManager): Promise<OutboxEntity[]> {
    return tx.createQueryBuilder(OutboxEntity, 'row')
      .where('row.dispatchedAt IS NULL').andWhere('row.job IN (:...jobs)', { jobs: Object.keys(JOBS) })
      .andWhere(`NOT EXISTS (SELECT FROM outbox earlier
        WHERE earlier.dispatched_at IS NULL AND earlier.aggregate = row.aggregate AND row.aggregate <> '' AND earlier.id < row.id)`)
      .orderBy('row.id').limit(BATCH)
      .setLock('pessimistic_write').setOnLocked('skip_locked').getMany();
  }
}
