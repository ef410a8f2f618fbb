import { Injectable, Logger } from '@nestjs/common';
import type { QueryDeepPartialEntity } from 'typeorm';
import { newId } from '../common/ids.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { Outbox } from '../queue/outbox.js';
import { EventService } from './event.service.js';
import { nextDelay } from './retry-schedule.js';
import type { Outcome } from './send-webhook.js';
import { type DeliveryAttempt, WebhookDeliveryEntity } from './webhook.entity.js';
import { WebhookRepository } from './webhook.repository.js';

/** Longer than an attempt may take; a worker that has not recorded by then is gone. */
const CLAIM_SECONDS = 60;
/** A message may arrive this much before its time by the database's clock. */
const DUE = "status = 'pending' AND next_attempt_at <= now() + interval '1 second'";
const DAYS_OF_FAILING = 5;
const DISABLED_BECAUSE = { gone: 'It answered 410 Gone.', failing: `Every attempt failed for ${DAYS_OF_FAILING} days.` };

/** A delivery as it was read before an attempt. */
type Attempted = Pick<WebhookDeliveryEntity, 'id' | 'endpointId' | 'attempts' | 'attemptsBefore'>;

/** In an UPDATE: the schedule starts anew. */
const ATTEMPTS_SO_FAR = 'jsonb_array_length(webhook_deliveries.attempts)';

const after = (milliseconds: number) => () => `now() + interval '${Math.round(milliseconds)} milliseconds'`;

/**
 * pending → delivered | failed, and back to pending when redelivered. An attempt belongs to the worker whose claim moved
 * `next_attempt_at` ahead; its record counts only while no other attempt has been recorded. Whoever locks an endpoint and
 * deliveries locks the endpoint first.
 */
@Injectable()
export class WebhookDeliveryLifecycle {
  private readonly logger = new Logger(WebhookDeliveryLifecycle.name);

  constructor(
    private readonly database: Database,
    private readonly webhooks: WebhookRepository,
    private readonly events: EventService,
    private readonly outbox: Outbox,
  ) {}

  /** Starts the delivery of one event to endpoints; where it was started before, nothing happens. @returns ids of the new deliveries. */
  start(ctx: RequestContext, eventId: string, endpointIds: string[]): Promise<string[]> {
    return this.startAll(ctx, endpointIds.map((endpointId) => ({ eventId, endpointId })), 'NOTHING');
  }

  /** Makes deliveries of events to one endpoint due now, new ones and old; not those under way or due within the minute. */
  startAgain(ctx: RequestContext, endpointId: string, eventIds: string[]): Promise<string[]> {
    return this.startAll(ctx, eventIds.map((eventId) => ({ eventId, endpointId })),
      `UPDATE SET status = 'pending', next_attempt_at = now(), attempts_before = ${ATTEMPTS_SO_FAR} WHERE ${resting('webhook_deliveries.')}`);
  }

  /** @returns whether a delivery, as it was read, is now this worker's to attempt: not when it is over, not due or another's. */
  async claim(ctx: RequestContext, delivery: Attempted): Promise<boolean> {
    const [, claimed] = await this.database.manager(ctx).query<[unknown[], number]>(
      `UPDATE webhook_deliveries SET next_attempt_at = now() + interval '${CLAIM_SECONDS} seconds'
       WHERE id = $1 AND project_id = $2 AND ${DUE} AND ${untried(delivery)}`, [delivery.id, ctx.projectId]);
    return claimed === 1;
  }

  /** Claims the endpoint's delivery that has been due longest. @returns its id, or null when none is due. */
  async claimNext(ctx: RequestContext, endpointId: string): Promise<string | null> {
    const [claimed] = await this.database.manager(ctx).query<[{ id: string }[], number]>(
      `UPDATE webhook_deliveries SET next_attempt_at = now() + interval '${CLAIM_SECONDS} seconds' WHERE id = (
         SELECT id FROM webhook_deliveries WHERE project_id = $1 AND endpoint_id = $2 AND ${DUE}
         ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id`, [ctx.projectId, endpointId]);
    return claimed[0]?.id ?? null;
  }

  /** Hands back a claimed delivery that was not attempted to its end. */
  async release(ctx: RequestContext, delivery: Attempted): Promise<void> {
    await this.reschedule(ctx, delivery.id, `status = 'pending' AND ${untried(delivery)}`, 0, {});
  }

  /** Ends a delivery whose endpoint is disabled or gone. */
  async abandon(ctx: RequestContext, id: string): Promise<void> {
    await this.change(ctx, id, "status = 'pending'", { status: 'failed', nextAttemptAt: null });
  }

  /**
   * Makes a delivery due now, whatever became of it before; attempts follow as for a new one.
   * @returns false when an attempt is under way, or due within the minute.
   */
  redeliver(ctx: RequestContext, id: string): Promise<boolean> {
    return this.reschedule(ctx, id, resting(), 0, { status: 'pending', attemptsBefore: () => ATTEMPTS_SO_FAR });
  }

  /** Writes down an attempt and what follows from it for the delivery and its endpoint. */
  async record(ctx: RequestContext, delivery: Attempted, { attempt, retryAfterMs }: Outcome): Promise<void> {
    const attempts = [...delivery.attempts, attempt];
    if (attempt.status === null || attempt.status < 200 || attempt.status >= 300) return this.recordFailure(ctx, delivery, attempts, retryAfterMs);
    // Without a transaction: the endpoint is well, whatever becomes of the delivery's row.
    await this.webhooks.endpointSucceeded(ctx, delivery.endpointId);
    await this.change(ctx, delivery.id, `status <> 'delivered' AND ${untried(delivery)}`, { attempts, status: 'delivered', nextAttemptAt: null });
  }

  /** Disables an endpoint and fails what is pending for it. @returns when, or null when it was disabled before. */
  disable(ctx: RequestContext, endpointId: string, reason: string): Promise<Date | null> {
    return this.database.transaction(ctx, async (tx) => {
      const disabledAt = await this.webhooks.disableEndpoint(tx, endpointId, reason);
      if (disabledAt) {
        await this.database.manager(tx).createQueryBuilder().update(WebhookDeliveryEntity).set({ status: 'failed', nextAttemptAt: null })
          .where({ projectId: tx.projectId, endpointId, status: 'pending' }).execute();
      }
      return disabledAt;
    });
  }

  private recordFailure(ctx: RequestContext, delivery: Attempted, attempts: DeliveryAttempt[], retryAfterMs: number | null): Promise<void> {
    const { id, endpointId } = delivery;
    const gone = attempts.at(-1)!.status === 410;
    const delay = gone ? null : nextDelay(attempts.length - delivery.attemptsBefore, retryAfterMs);
    return this.database.transaction(ctx, async (tx) => {
      const days = await this.webhooks.endpointFailed(tx, endpointId);
      const pending = `status = 'pending' AND ${untried(delivery)}`;
      const recorded = delay === null ? await this.change(tx, id, pending, { attempts, status: 'failed', nextAttemptAt: null })
        : await this.reschedule(tx, id, pending, delay, { attempts });
      // The endpoint was disabled during the attempt, which is kept all the same.
      if (!recorded) await this.change(tx, id, `status = 'failed' AND ${untried(delivery)}`, { attempts });
      if (gone) await this.disableFor(tx, endpointId, 'gone');
      else if (days >= DAYS_OF_FAILING) await this.disableFor(tx, endpointId, 'failing');
    });
  }

  private async disableFor(tx: RequestContext, id: string, reason: keyof typeof DISABLED_BECAUSE): Promise<void> {
    const message = DISABLED_BECAUSE[reason];
    const disabledAt = await this.disable(tx, id, message);
    if (!disabledAt) return;
    this.logger.warn(`Webhook endpoint ${id} of ${tx.projectId} was disabled: ${message}`);
    await this.events.emit(tx, 'webhook_endpoint.disabled', { id, reason, message, disabledAt: disabledAt.toISOString() });
  }

  private startAll(ctx: RequestContext, pairs: { eventId: string; endpointId: string }[], onConflict: string): Promise<string[]> {
    return this.database.transaction(ctx, async (tx) => {
      const started = await this.database.manager(tx).query<{ id: string }[]>(
        `INSERT INTO webhook_deliveries (id, project_id, event_id, endpoint_id)
         SELECT id, $1, event_id, endpoint_id FROM unnest($2::text[], $3::text[], $4::text[]) AS pair (id, event_id, endpoint_id)
         ON CONFLICT (event_id, endpoint_id) DO ${onConflict} RETURNING id`,
        [tx.projectId, pairs.map(() => newId('whd')), pairs.map(({ eventId }) => eventId), pairs.map(({ endpointId }) => endpointId)]);
      await this.outbox.enqueueAll(tx, 'webhook.deliver', started.map(({ id }) => ({ deliveryId: id })));
      return started.map(({ id }) => id);
    });
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
      .where({ id, projectId: ctx.projectId }).andWhere(`(${condition})`).execute();
    return result.affected === 1;
  }
}

/** No attempt is under way, nor due within the minute. */
const resting = (table = '') => `(${table}status <> 'pending' OR ${table}next_attempt_at > now() + interval '${CLAIM_SECONDS} seconds')`;
/** No attempt has been recorded since the delivery was read. */
const untried = ({ attempts }: Attempted) => `jsonb_array_length(attempts) = ${attempts.length}`;
