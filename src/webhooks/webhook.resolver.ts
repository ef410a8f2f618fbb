import { Args, ID, Mutation, Query, Resolver } from '@nestjs/graphql';
import { Ctx } from '../auth/carrier.js';
import { RequiresRole } from '../auth/requires-role.js';
import { PageArgs } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { EVENT_TYPES } from './event-types.js';
import { WebhookService } from './webhook.service.js';
import { CreatedWebhookEndpoint, WebhookDeliveriesArgs, WebhookDelivery, WebhookDeliveryConnection, WebhookEndpoint, WebhookEndpointConnection, WebhookEventType } from './webhook.types.js';

@Resolver(() => WebhookEndpoint)
export class WebhookResolver {
  constructor(private readonly webhooks: WebhookService) {}

  @Query(() => [WebhookEventType], { description: 'The events there are.' })
  webhookEventTypes() {
    return Object.entries(EVENT_TYPES).map(([name, description]) => ({ name, description }));
  }

  @Query(() => WebhookEndpointConnection, { description: 'Endpoints, newest first.' })
  webhookEndpoints(@Ctx() ctx: RequestContext, @Args() page: PageArgs) {
    return this.webhooks.listEndpoints(ctx, page);
  }

  @Query(() => WebhookDeliveryConnection, { description: 'Deliveries to an endpoint, newest first. Errors: not_found.' })
  webhookDeliveries(@Ctx() ctx: RequestContext, @Args() { endpointId, ...page }: WebhookDeliveriesArgs) {
    return this.webhooks.listDeliveries(ctx, endpointId, page);
  }

  @RequiresRole('admin')
  @Mutation(() => CreatedWebhookEndpoint, { description: 'Adds an endpoint; the answer alone shows its secret. Errors: bad_input.' })
  createWebhookEndpoint(
    @Ctx() ctx: RequestContext,
    @Args('url', { description: 'https, and on the public internet unless TRIAD_ALLOW_PRIVATE_URLS is set.' }) url: string,
    @Args('eventTypes', { type: () => [String], defaultValue: [], description: 'Names of webhookEventTypes; empty: all.' }) eventTypes: string[],
  ) {
    return this.webhooks.createEndpoint(ctx, url, eventTypes);
  }

  @RequiresRole('admin')
  @Mutation(() => WebhookEndpoint, { description: 'Sends nothing more to it; what is pending fails. Errors: not_found.' })
  disableWebhookEndpoint(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string) {
    return this.webhooks.disableEndpoint(ctx, id);
  }

  @RequiresRole('admin')
  @Mutation(() => WebhookEndpoint, { description: 'Sends it the events from now on. Errors: not_found.' })
  enableWebhookEndpoint(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string) {
    return this.webhooks.enableEndpoint(ctx, id);
  }

  @RequiresRole('admin')
  @Mutation(() => WebhookDelivery, { description: 'Sends an event to its endpoint once more, now. Errors: not_found, conflict.' })
  redeliverWebhook(@Ctx() ctx: RequestContext, @Args('deliveryId', { type: () => ID }) deliveryId: string) {
    return this.webhooks.redeliver(ctx, deliveryId);
  }
}
