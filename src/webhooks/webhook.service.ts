import { Inject, Injectable } from '@nestjs/common';
import type { QueryDeepPartialEntity } from 'typeorm';
import { DomainError, notFound } from '../common/errors.js';
import { newId } from '../common/ids.js';
import { assertPublicUrl } from '../common/outbound.js';
import type { Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { CONFIG, type Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { checkEventTypes } from './event-types.js';
import { EventService } from './event.service.js';
import { newSigningSecret, rotatedTo, sealSigningSecret } from './signing-secrets.js';
import { WebhookDeliveryLifecycle } from './webhook-delivery.lifecycle.js';
import type { WebhookEndpointEntity } from './webhook.entity.js';
import { type DeliveryListArgs, type DeliveryWithEvent, type EndpointListArgs, WebhookRepository } from './webhook.repository.js';

/** What may be changed of an endpoint; what is left out stays. */
export interface EndpointChange {
  url?: string | null;
  description?: string | null;
  eventTypes?: string[] | null;
  /** The revision that the change is meant for. */
  expectedRevision?: number | null;
}

/** Endpoints, and what was delivered to them. */
@Injectable()
export class WebhookService {
  constructor(
    private readonly database: Database,
    private readonly webhooks: WebhookRepository,
    private readonly lifecycle: WebhookDeliveryLifecycle,
    private readonly events: EventService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Adds an endpoint with a secret of its own, which is readable in this answer only.
   * @param eventTypes what it wants; none: everything
   * @throws DomainError bad_input for a URL that may not be called or an unknown event type.
   */
  async createEndpoint(ctx: RequestContext, url: string, eventTypes: string[], description: string | null): Promise<{ endpoint: WebhookEndpointEntity; secret: string }> {
    checkEventTypes(eventTypes);
    const secret = newSigningSecret();
    const id = newId('whk');
    const endpoint = await this.webhooks.addEndpoint(ctx, {
      id, url: this.checkedUrl(url), description, eventTypes: [...new Set(eventTypes)],
      encryptedSecret: sealSigningSecret(this.config, 'webhook_endpoints', { id, projectId: ctx.projectId }, secret),
    });
    return { endpoint, secret };
  }

  /** @throws DomainError not_found; bad_input as for a new endpoint; conflict when another changed it meanwhile. */
  async updateEndpoint(ctx: RequestContext, id: string, { url, description, eventTypes, expectedRevision }: EndpointChange): Promise<WebhookEndpointEntity> {
    const set: QueryDeepPartialEntity<WebhookEndpointEntity> = { revision: () => 'revision + 1' };
    if (url != null) Object.assign(set, { url: this.checkedUrl(url), failingSince: null }); // what failed was another place
    if (description !== undefined) set.description = description;
    if (eventTypes != null) {
      checkEventTypes(eventTypes);
      set.eventTypes = [...new Set(eventTypes)];
    }
    return this.database.transaction(ctx, async (tx) => {
      const endpoint = await this.webhooks.lockEndpoint(tx, id);
      if (!endpoint) throw notFound('webhook endpoint', id);
      if (expectedRevision != null && endpoint.revision !== expectedRevision) {
        throw new DomainError('conflict', `Endpoint ${id} is at revision ${endpoint.revision} now, not ${expectedRevision}: another changed it. Look at it again, then change it.`, 'expectedRevision');
      }
      await this.webhooks.updateEndpoint(tx, id, set);
      return this.findEndpoint(tx, id);
    });
  }

  /**
   * Gives an endpoint a new secret, readable in this answer only. Until the overlap is over both sign.
   * @param overlapSeconds 0–604800; 0: the old one signs nothing more. A secret from an earlier rotation ends at once.
   * @throws DomainError not_found; bad_input for another overlap.
   */
  rotateSecret(ctx: RequestContext, id: string, overlapSeconds: number): Promise<{ endpoint: WebhookEndpointEntity; secret: string }> {
    return this.database.transaction(ctx, async (tx) => {
      const endpoint = await this.webhooks.lockEndpoint(tx, id);
      if (!endpoint) throw notFound('webhook endpoint', id);
      const secret = newSigningSecret();
      await this.webhooks.updateEndpoint(tx, id, rotatedTo(this.config, 'webhook_endpoints', secret, endpoint, overlapSeconds));
      return { endpoint: await this.findEndpoint(tx, id), secret };
    });
  }

  /** Deletes an endpoint and what is kept of its deliveries. @throws DomainError not_found. */
  deleteEndpoint(ctx: RequestContext, id: string): Promise<void> {
    return this.database.transaction(ctx, async (tx) => {
      await this.findEndpoint(tx, id);
      await this.webhooks.deleteEndpoint(tx, id);
    });
  }

  /** @throws DomainError not_found. */
  async findEndpoint(ctx: RequestContext, id: string): Promise<WebhookEndpointEntity> {
    const endpoint = await this.webhooks.findEndpoint(ctx, id);
    if (!endpoint) throw notFound('webhook endpoint', id);
    return endpoint;
  }

  /** Sends nothing more to an endpoint; what is pending fails, and can be redelivered. @throws DomainError not_found. */
  async disableEndpoint(ctx: RequestContext, id: string): Promise<WebhookEndpointEntity> {
    await this.lifecycle.disable(ctx, id, `Disabled by ${ctx.principal}.`);
    return this.findEndpoint(ctx, id);
  }

  /** Sends the events from now on. @throws DomainError not_found. */
  async enableEndpoint(ctx: RequestContext, id: string): Promise<WebhookEndpointEntity> {
    await this.webhooks.updateEndpoint(ctx, id, { disabledAt: null, disabledReason: null, failingSince: null });
    return this.findEndpoint(ctx, id);
  }

  listEndpoints(ctx: RequestContext, args: EndpointListArgs): Promise<Page<WebhookEndpointEntity>> {
    return this.webhooks.listEndpoints(ctx, args);
  }

  /** @throws DomainError not_found; bad_input for an unknown event type. */
  async listDeliveries(ctx: RequestContext, endpointId: string, args: DeliveryListArgs): Promise<Page<DeliveryWithEvent>> {
    await this.findEndpoint(ctx, endpointId);
    if (args.filter?.eventType != null) checkEventTypes([args.filter.eventType], 'eventType');
    return this.webhooks.listDeliveries(ctx, endpointId, args);
  }

  /**
   * Sends an event to its endpoint once more, under the same id.
   * @throws DomainError not_found; conflict when the endpoint is disabled or an attempt is under way.
   */
  async redeliver(ctx: RequestContext, deliveryId: string): Promise<DeliveryWithEvent> {
    const delivery = await this.webhooks.findDelivery(ctx, deliveryId);
    if (!delivery) throw notFound('webhook delivery', deliveryId);
    await this.findEnabledEndpoint(ctx, delivery.endpointId);
    if (!await this.lifecycle.redeliver(ctx, deliveryId)) {
      throw new DomainError('conflict', `An attempt of ${deliveryId} is under way or due within a minute.`);
    }
    return (await this.webhooks.findDelivery(ctx, deliveryId))!;
  }

  /**
   * Sends an event `webhook.test` to an endpoint, whatever it wants otherwise, and to no other.
   * @throws DomainError not_found; conflict when the endpoint is disabled.
   */
  sendTest(ctx: RequestContext, endpointId: string): Promise<DeliveryWithEvent> {
    return this.database.transaction(ctx, async (tx) => {
      await this.findEnabledEndpoint(tx, endpointId);
      const eventId = await this.events.emitTo(tx, endpointId, 'webhook.test', { endpointId });
      const [deliveryId] = await this.lifecycle.start(tx, eventId, [endpointId]);
      return (await this.webhooks.findDelivery(tx, deliveryId!))!;
    });
  }

  private async findEnabledEndpoint(ctx: RequestContext, id: string): Promise<WebhookEndpointEntity> {
    const endpoint = await this.findEndpoint(ctx, id);
    if (endpoint.disabledAt) throw new DomainError('conflict', `Endpoint ${id} is disabled; enable it first with enableWebhookEndpoint.`);
    return endpoint;
  }

  private checkedUrl(url: string): string {
    return assertPublicUrl(url, this.config.TRIAD_ALLOW_PRIVATE_URLS).href;
  }
}
