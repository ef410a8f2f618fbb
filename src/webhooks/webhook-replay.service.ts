import { Injectable } from '@nestjs/common';
import { DomainError, notFound } from '../common/errors.js';
import { newId } from '../common/ids.js';
import { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { Outbox } from '../queue/outbox.js';
import { checkEventTypes } from './event-types.js';
import { WebhookDeliveryLifecycle } from './webhook-delivery.lifecycle.js';
import type { WebhookReplayEntity } from './webhook.entity.js';
import { WebhookReplayRepository } from './webhook-replay.repository.js';
import { WebhookRepository } from './webhook.repository.js';

const BATCH = 200;
const RECONCILE_BATCH = 100;

/** Sends the events of a time range to an endpoint once more. */
@Injectable()
export class WebhookReplayService {
  constructor(
    private readonly database: Database,
    private readonly webhooks: WebhookRepository,
    private readonly replays: WebhookReplayRepository,
    private readonly lifecycle: WebhookDeliveryLifecycle,
    private readonly outbox: Outbox,
  ) {}

  /**
   * Starts to deliver the events of a range, also those that the endpoint never got, since it was disabled or not there yet.
   * @param range.eventTypes null: those that the endpoint wants
   * @returns the replay, which tells how many events there are
   * @throws DomainError not_found; bad_input for an empty range or an unknown event type; conflict when the endpoint is disabled.
   */
  start(ctx: RequestContext, endpointId: string, range: { since: Date; until: Date; eventTypes: string[] | null }): Promise<WebhookReplayEntity> {
    if (range.since >= range.until) throw new DomainError('bad_input', '`from` must be before `to`.', 'from');
    checkEventTypes(range.eventTypes ?? []);
    return this.database.transaction(ctx, async (tx) => {
      const endpoint = await this.webhooks.findEndpoint(tx, endpointId);
      if (!endpoint) throw notFound('webhook endpoint', endpointId);
      if (endpoint.disabledAt) throw new DomainError('conflict', `Endpoint ${endpointId} is disabled; enable it first with enableWebhookEndpoint.`);
      const wanted = { endpointId, since: range.since, until: range.until, eventTypes: range.eventTypes ?? endpoint.eventTypes };
      const replay = await this.replays.add(tx, { id: newId('whr'), ...wanted, events: await this.replays.countEvents(tx, wanted) });
      await this.outbox.enqueue(tx, 'webhook.replay', { replayId: replay.id });
      return replay;
    });
  }

  /** @throws DomainError not_found. */
  async find(ctx: RequestContext, id: string): Promise<WebhookReplayEntity> {
    const replay = await this.replays.find(ctx, id);
    if (!replay) throw notFound('webhook replay', id);
    return replay;
  }

  /** Hands one batch to delivery, and asks for the next. A call too many makes a batch sooner, or does nothing. */
  async run(ctx: RequestContext, id: string): Promise<void> {
    await this.database.transaction(ctx, async (tx) => {
      const replay = await this.replays.lockUnfinished(tx, id);
      if (!replay) return;
      const endpoint = await this.webhooks.lockEndpoint(tx, replay.endpointId);
      const events = !endpoint || endpoint.disabledAt ? [] : await this.replays.nextEvents(tx, replay, BATCH);
      await this.lifecycle.startAgain(tx, replay.endpointId, events);
      const finished = events.length < BATCH;
      await this.replays.advance(tx, replay, events, finished);
      if (!finished) await this.outbox.enqueue(tx, 'webhook.replay', { replayId: id });
    });
  }

  /** Goes on with replays whose message was lost. @returns how many. */
  reconcile(): Promise<number> {
    return this.database.platform.transaction(async (tx) => {
      const stalled = await this.replays.takeStalled({ tx }, RECONCILE_BATCH);
      for (const { id, projectId } of stalled) {
        await this.outbox.enqueue(RequestContext.forJob(projectId, 'webhook.replay').inTransaction(tx), 'webhook.replay', { replayId: id });
      }
      return stalled.length;
    });
  }
}
