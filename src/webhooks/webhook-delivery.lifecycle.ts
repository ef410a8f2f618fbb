import { Injectable } from '@nestjs/common';
import type { QueryDeepPartialEntity } from 'typeorm';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { Outbox } from '../queue/outbox.js';
import { nextDelay } from './retry-schedule.js';
import type { Outcome } from './send-webhook.js';
import { WebhookDeliveryEntity } from './webhook.entity.js';
import { WebhookRepository } from './webhook.repository.js';

/** Longer than an attempt may take; a worker that has not recorded by then is gone. */
const CLAIM_SECONDS = 60;
/** A message may arrive this much before its time by the database's clock. */
const DUE = "next_attempt_at <= now() + interval '1 second'";
const DAYS_OF_FAILING = 5;

const after = (milliseconds: number) => () => `now() + interval '${Math.round(milliseconds)} milliseconds'`;

/**
 * pending → delivered | failed, and back to pending when redelivered. An attempt belongs to the worker whose claim moved
 * `next_attempt_at` ahead; its record counts only while no other attempt has been recorded.
 */
@Injectable()
export class WebhookDeliveryLifecycle {
  constructor(
    private readonly database: Database,
    private readonly webhooks: WebhookRepository,
    private readonly outbox: Outbox,
  ) {}

  /** @returns the delivery, now this worker's to attempt, or null when it is over, not due or another's. */
  async claim(ctx: RequestContext, id: string): Promise<WebhookDeliveryEntity | null> {
    const claimed = await this.change(ctx, id, `status = 'pending' AND ${DUE}`, { nextAttemptAt: after(CLAIM_SECONDS * 1000) });
    return claimed ? this.webhooks.findDelivery(ctx, id) : null;
  }

  /** Tries a delivery that is due later, without an attempt. */
  async postpone(ctx: RequestContext, id: string, delayMs: number): Promise<void> {
    await this.reschedule(ctx, id, `status = 'pending' AND ${DUE}`, delayMs, {});
  }

  /** Hands back a claimed delivery that was not attempted to its end. */
  async release(ctx: RequestContext, delivery: WebhookDeliveryEntity): Promise<void> {
    await this.reschedule(ctx, delivery.id, unrecorded(delivery), 0, {});
  }

  /** Ends a delivery whose endpoint was disabled meanwhile. */
  async abandon(ctx: RequestContext, id: string): Promise<void> {
    await this.change(ctx, id, `status = 'pending' AND ${DUE}`, { status: 'failed', nextAttemptAt: null });
  }

  /**
   * Makes a delivery due now, whatever became of it before.
   * @returns false when an attempt is under way, or due within the minute.
   */
  redeliver(ctx: RequestContext, id: string): Promise<boolean> {
    return this.reschedule(ctx, id, `(status <> 'pending' OR next_attempt_at > now() + interval '${CLAIM_SECONDS} seconds')`, 0, { status: 'pending' });
  }

  /** Writes down an attempt and what follows from it for the delivery and its endpoint. */
  async record(ctx: RequestContext, delivery: WebhookDeliveryEntity, { attempt, retryAfterMs }: Outcome): Promise<void> {
    const attempts = [...delivery.attempts, attempt];
    const succeeded = attempt.status !== null && attempt.status >= 200 && attempt.status < 300;
    const delay = succeeded || attempt.status === 410 ? null : nextDelay(attempts.length, retryAfterMs);
    await this.database.transaction(ctx, async (tx) => {
      const recorded = delay === null
        ? await this.change(tx, delivery.id, unrecorded(delivery), { attempts, status: succeeded ? 'delivered' : 'failed', nextAttemptAt: null })
        : await this.reschedule(tx, delivery.id, unrecorded(delivery), delay, { attempts });
      if (!recorded) return;
      if (succeeded) await this.webhooks.endpointSucceeded(tx, delivery.endpointId);
      else await this.noteFailure(tx, delivery.endpointId, attempt.status);
    });
  }

  private async noteFailure(tx: RequestContext, endpointId: string, status: number | null): Promise<void> {
    const days = await this.webhooks.endpointFailed(tx, endpointId);
    if (status === 410) await this.webhooks.disableEndpoint(tx, endpointId, 'It answered 410 Gone.');
    else if (days >= DAYS_OF_FAILING) await this.webhooks.disableEndpoint(tx, endpointId, `Every attempt failed for ${DAYS_OF_FAILING} days.`);
  }

  private reschedule(ctx: RequestContext, id: string, condition: string, delayMs: number, set: QueryDeepPartialEntity<WebhookDeliveryEntity>): Promise<boolean> {
    return this.database.transaction(ctx, async (tx) => {
      const changed = await this.change(tx, id, condition, { ...set, nextAttemptAt: after(delayMs) });
      if (changed) await this.outbox.enqueue(tx, 'webhook.deliver', { deliveryId: id }, delayMs);
      return changed;
    });
  }

  /** One conditional UPDATE; false when the condition did not hold. */
  private async change(ctx: RequestContext, id: string, condition: string, set: QueryDeepPartialEntity<WebhookDeliveryEntity>): Promise<boolean> {
    const result = await this.database.manager(ctx).createQueryBuilder().update(WebhookDeliveryEntity).set(set)
      .where({ id, projectId: ctx.projectId }).andWhere(condition).execute();
    return result.affected === 1;
  }
}

const unrecorded = ({ attempts }: WebhookDeliveryEntity) => `status = 'pending' AND jsonb_array_length(attempts) = ${attempts.length}`;
