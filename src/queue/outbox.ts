import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import { Notifications } from '../database/notifications.js';
import { type JobName, JOBS } from './jobs.js';
import { OutboxEntity } from './outbox.entity.js';

export const OUTBOX_TOPIC = 'outbox';

/** The only way to start a job: a row in the caller's transaction, which the relay puts on the queue after commit. */
@Injectable()
export class Outbox {
  constructor(private readonly notifications: Notifications) {}

  /**
   * @param ids the job's ids beside the project's; the first is the aggregate, whose messages keep their order
   * @param delayMs time to wait before the job may start
   * @throws Error outside a transaction, or when the payload is not the job's.
   */
  enqueue(ctx: RequestContext, job: JobName, ids: Record<string, string>, delayMs = 0): Promise<void> {
    return this.enqueueAll(ctx, job, [ids], delayMs);
  }

  /** The same for many jobs of one kind, in one statement. */
  async enqueueAll(ctx: RequestContext, job: JobName, each: Record<string, string>[], delayMs = 0): Promise<void> {
    if (!ctx.tx) throw new Error(`Outbox.enqueue(${job}) needs a transaction`);
    if (each.length === 0) return;
    const payloads = each.map((ids) => JOBS[job].payload.parse({ projectId: ctx.projectId, ...ids }) as OutboxEntity['payload']);
    await ctx.tx.createQueryBuilder().insert().into(OutboxEntity)
      .values(payloads.map((payload, index) => ({ projectId: ctx.projectId, job, aggregate: Object.values(each[index]!)[0]!, payload, dueAt: () => `now() + interval '${Math.round(delayMs)} milliseconds'` })))
      .updateEntity(false).execute();
    await this.notifications.notify(ctx.tx, OUTBOX_TOPIC);
  }
}
