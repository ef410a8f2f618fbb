import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { newId } from '../common/ids.js';
import { outboundDispatcher } from '../common/outbound.js';
import { RequestContext } from '../common/request-context.js';
import { decryptSecret } from '../common/secrets.js';
import { CONFIG, type Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { Outbox } from '../queue/outbox.js';
import { EndpointSlots } from './endpoint-slots.js';
import { sendWebhook } from './send-webhook.js';
import { WebhookDeliveryLifecycle } from './webhook-delivery.lifecycle.js';
import { type EventEntity, placeOfSecret, type WebhookDeliveryEntity, type WebhookEndpointEntity } from './webhook.entity.js';
import { WebhookRepository } from './webhook.repository.js';

const ATTEMPT_TIMEOUT_MS = 20_000;
const RECONCILE_BATCH = 500;

/** Brings events to endpoints: at least once each, by jobs of ids. */
@Injectable()
export class WebhookDeliveryService implements OnApplicationShutdown {
  private readonly slots = new EndpointSlots();
  private readonly dispatcher;

  constructor(
    private readonly database: Database,
    private readonly webhooks: WebhookRepository,
    private readonly lifecycle: WebhookDeliveryLifecycle,
    private readonly outbox: Outbox,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.dispatcher = outboundDispatcher(config.TRIAD_ALLOW_PRIVATE_URLS);
  }

  /** After the worker has handed back its attempts. */
  async onApplicationShutdown(): Promise<void> {
    await this.dispatcher.destroy();
  }

  /** Makes one delivery per endpoint that wants the event. A second call for an event does nothing. */
  async fanOut(ctx: RequestContext, eventId: string): Promise<void> {
    await this.database.transaction(ctx, async (tx) => {
      const event = await this.webhooks.takeForFanOut(tx, eventId);
      if (!event) return;
      const endpoints = await this.webhooks.endpointsWanting(tx, event.type);
      const deliveries = endpoints.map((endpoint) => ({ id: newId('whd'), eventId, endpointId: endpoint.id }));
      await this.webhooks.addDeliveries(tx, deliveries);
      for (const { id } of deliveries) await this.outbox.enqueue(tx, 'webhook.deliver', { deliveryId: id });
    });
  }

  /** Attempts a delivery if it is due. A message too many, or too early, does nothing. */
  async deliver(ctx: RequestContext, deliveryId: string, stop: AbortSignal): Promise<void> {
    const delivery = await this.webhooks.findDelivery(ctx, deliveryId);
    const endpoint = delivery && await this.webhooks.findEndpoint(ctx, delivery.endpointId);
    if (delivery?.status !== 'pending' || !endpoint) return;
    if (endpoint.disabledAt) return this.lifecycle.abandon(ctx, deliveryId);
    const slot = this.slots.take(endpoint);
    if ('busyForMs' in slot) return this.lifecycle.postpone(ctx, deliveryId, slot.busyForMs);
    try {
      const claimed = await this.lifecycle.claim(ctx, deliveryId);
      if (claimed) await this.attempt(ctx, claimed, endpoint, stop);
    } finally {
      slot.release();
    }
  }

  /** Puts right what a lost message left undone. @returns how many events and deliveries that were. */
  async reconcile(): Promise<number> {
    const events = await this.webhooks.eventsNotFannedOut(RECONCILE_BATCH);
    for (const event of events) await this.fanOut(RequestContext.forJob(event.projectId, 'webhook.fan-out'), event.id);
    const overdue = await this.database.platform.transaction(async (tx) => {
      const deliveries = await this.webhooks.takeOverdue({ tx }, RECONCILE_BATCH);
      for (const { id, projectId } of deliveries) {
        await this.outbox.enqueue(RequestContext.forJob(projectId, 'webhook.deliver').inTransaction(tx), 'webhook.deliver', { deliveryId: id });
      }
      return deliveries.length;
    });
    return events.length + overdue;
  }

  private async attempt(ctx: RequestContext, delivery: WebhookDeliveryEntity, endpoint: WebhookEndpointEntity, stop: AbortSignal): Promise<void> {
    const [event] = await this.webhooks.findEvents(ctx, [delivery.eventId]);
    const secret = decryptSecret(this.config, placeOfSecret(endpoint), endpoint.encryptedSecret);
    const signal = AbortSignal.any([stop, AbortSignal.timeout(ATTEMPT_TIMEOUT_MS)]);
    const outcome = await sendWebhook(endpoint.url, secret, { id: delivery.eventId, body: payloadOf(event!) }, { dispatcher: this.dispatcher, signal });
    if (stop.aborted && outcome.attempt.status === null) await this.lifecycle.release(ctx, delivery);
    else await this.lifecycle.record(ctx, delivery, outcome);
  }
}

const payloadOf = ({ type, createdAt, data }: EventEntity): string => JSON.stringify({ type, timestamp: createdAt.toISOString(), data });
