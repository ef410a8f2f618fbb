import { Inject, Injectable } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { DomainError, notFound } from '../common/errors.js';
import { newId } from '../common/ids.js';
import { assertPublicUrl } from '../common/outbound.js';
import { decodeCursor, type Page, type PageArgs, toPage } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { encryptSecret } from '../common/secrets.js';
import { CONFIG, type Config } from '../config/config.js';
import { EVENT_TYPES } from './event-types.js';
import { WebhookDeliveryLifecycle } from './webhook-delivery.lifecycle.js';
import { type EventEntity, placeOfSecret, type WebhookDeliveryEntity, type WebhookEndpointEntity } from './webhook.entity.js';
import { WebhookRepository } from './webhook.repository.js';

export type DeliveryWithEvent = WebhookDeliveryEntity & { event: EventEntity };

/** Endpoints, and what was delivered to them. */
@Injectable()
export class WebhookService {
  constructor(
    private readonly webhooks: WebhookRepository,
    private readonly lifecycle: WebhookDeliveryLifecycle,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Adds an endpoint with a secret of its own, which is readable in this answer only.
   * @param eventTypes what it wants; none: everything
   * @throws DomainError bad_input for a URL that may not be called or an unknown event type.
   */
  async createEndpoint(ctx: RequestContext, url: string, eventTypes: string[]): Promise<{ endpoint: WebhookEndpointEntity; secret: string }> {
    const { href } = assertPublicUrl(url, this.config.TRIAD_ALLOW_PRIVATE_URLS);
    for (const type of eventTypes) {
      if (!Object.hasOwn(EVENT_TYPES, type)) {
        throw new DomainError('bad_input', `${JSON.stringify(type)} is not an event type; there are ${Object.keys(EVENT_TYPES).join(', ')}.`, 'eventTypes');
      }
    }
    const secret = `whsec_${randomBytes(32).toString('base64')}`;
    const id = newId('whk');
    const endpoint = await this.webhooks.addEndpoint(ctx, {
      id, url: href, eventTypes: [...new Set(eventTypes)],
      encryptedSecret: encryptSecret(this.config, placeOfSecret({ projectId: ctx.projectId, id }), secret),
    });
    return { endpoint, secret };
  }

  /** @throws DomainError not_found. */
  async findEndpoint(ctx: RequestContext, id: string): Promise<WebhookEndpointEntity> {
    const endpoint = await this.webhooks.findEndpoint(ctx, id);
    if (!endpoint) throw notFound('webhook endpoint', id);
    return endpoint;
  }

  /** Sends nothing more to an endpoint; what is pending fails, and can be redelivered. @throws DomainError not_found. */
  async disableEndpoint(ctx: RequestContext, id: string): Promise<WebhookEndpointEntity> {
    await this.webhooks.disableEndpoint(ctx, id, `Disabled by ${ctx.principal}.`);
    return this.findEndpoint(ctx, id);
  }

  /** Sends the events from now on. @throws DomainError not_found. */
  async enableEndpoint(ctx: RequestContext, id: string): Promise<WebhookEndpointEntity> {
    await this.webhooks.enableEndpoint(ctx, id);
    return this.findEndpoint(ctx, id);
  }

  async listEndpoints(ctx: RequestContext, page: PageArgs): Promise<Page<WebhookEndpointEntity>> {
    const after = page.after ? decodeCursor(page.after) : null;
    return toPage(await this.webhooks.listEndpoints(ctx, page.first, after), page.first, (endpoint) => endpoint.id);
  }

  /** Newest first. @throws DomainError not_found. */
  async listDeliveries(ctx: RequestContext, endpointId: string, page: PageArgs): Promise<Page<DeliveryWithEvent>> {
    await this.findEndpoint(ctx, endpointId);
    const after = page.after ? decodeCursor(page.after) : null;
    const deliveries = await this.webhooks.listDeliveries(ctx, endpointId, page.first, after);
    return toPage(await this.withEvents(ctx, deliveries), page.first, (delivery) => delivery.id);
  }

  /**
   * Sends an event to its endpoint once more, under the same id.
   * @throws DomainError not_found; conflict when the endpoint is disabled or an attempt is under way.
   */
  async redeliver(ctx: RequestContext, deliveryId: string): Promise<DeliveryWithEvent> {
    const delivery = await this.webhooks.findDelivery(ctx, deliveryId);
    if (!delivery) throw notFound('webhook delivery', deliveryId);
    const endpoint = await this.findEndpoint(ctx, delivery.endpointId);
    if (endpoint.disabledAt) throw new DomainError('conflict', `Endpoint ${endpoint.id} is disabled; enable it first with enableWebhookEndpoint.`);
    if (!await this.lifecycle.redeliver(ctx, deliveryId)) {
      throw new DomainError('conflict', `An attempt of ${deliveryId} is under way or due within a minute.`);
    }
    const [again] = await this.withEvents(ctx, [(await this.webhooks.findDelivery(ctx, deliveryId))!]);
    return again!;
  }

  private async withEvents(ctx: RequestContext, deliveries: WebhookDeliveryEntity[]): Promise<DeliveryWithEvent[]> {
    const events = new Map((await this.webhooks.findEvents(ctx, deliveries.map(({ eventId }) => eventId))).map((event) => [event.id, event]));
    return deliveries.map((delivery) => ({ ...delivery, event: events.get(delivery.eventId)! }));
  }
}
