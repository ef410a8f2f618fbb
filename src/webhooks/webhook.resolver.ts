import { Args, ID, Mutation, Query, Resolver } from '@nestjs/graphql';
import { Ctx } from '../auth/carrier.js';
import { RequiresRole } from '../auth/requires-role.js';
import type { RequestContext } from '../common/request-context.js';
import { EVENT_TYPES, type EventType, payloadSchema } from './event-types.js';
import { WebhookReplayService } from './webhook-replay.service.js';
import { WebhookService } from './webhook.service.js';
import {
  CreateWebhookEndpointArgs, ReplayWebhooksArgs, RotateWebhookSecretArgs, UpdateWebhookEndpointArgs, WebhookDeliveriesArgs, WebhookDelivery,
  WebhookDeliveryConnection, WebhookEndpoint, WebhookEndpointConnection, WebhookEndpointsArgs, WebhookEndpointWithSecret, WebhookEventType, WebhookReplay,
} from './webhook.types.js';

@Resolver(() => WebhookEndpoint)
export class WebhookResolver {
  constructor(
    private readonly webhooks: WebhookService,
    private readonly replays: WebhookReplayService,
  ) {}

  @Query(() => [WebhookEventType], { description: 'The events there are.' })
  webhookEventTypes() {
    return Object.entries(EVENT_TYPES).map(([name, { version, description }]) => ({ name, version, description, schema: payloadSchema(name as EventType) }));
  }

  @Query(() => WebhookEndpoint, { description: 'One endpoint. Errors: not_found.' })
  webhookEndpoint(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string) {
    return this.webhooks.findEndpoint(ctx, id);
  }

  @Query(() => WebhookEndpointConnection, { description: 'Endpoints, by default newest first. Errors: bad_input.' })
  webhookEndpoints(@Ctx() ctx: RequestContext, @Args() args: WebhookEndpointsArgs) {
    return this.webhooks.listEndpoints(ctx, args);
  }

  @Query(() => WebhookDeliveryConnection, { description: 'Deliveries to an endpoint, by default newest first. Errors: bad_input, not_found.' })
  webhookDeliveries(@Ctx() ctx: RequestContext, @Args() { endpointId, ...args }: WebhookDeliveriesArgs) {
    return this.webhooks.listDeliveries(ctx, endpointId, args);
  }

  @Query(() => WebhookReplay, { description: 'How far a replay is. Errors: not_found.' })
  webhookReplay(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string) {
    return this.replays.find(ctx, id);
  }

  @RequiresRole('admin')
  @Mutation(() => WebhookEndpointWithSecret, { description: 'Adds an endpoint; the answer alone shows its secret. Errors: bad_input.' })
  createWebhookEndpoint(@Ctx() ctx: RequestContext, @Args() { url, eventTypes, description }: CreateWebhookEndpointArgs) {
    return this.webhooks.createEndpoint(ctx, url, eventTypes, description ?? null);
  }

  @RequiresRole('admin')
  @Mutation(() => WebhookEndpoint, { description: 'Changes what is given; deliveries from now on go by it. Errors: bad_input, not_found, conflict.' })
  updateWebhookEndpoint(@Ctx() ctx: RequestContext, @Args() { id, ...change }: UpdateWebhookEndpointArgs) {
    return this.webhooks.updateEndpoint(ctx, id, change);
  }

  @RequiresRole('admin')
  @Mutation(() => WebhookEndpointWithSecret, { description: 'Makes a new secret; during the overlap each delivery carries a signature by it and one by the old. Errors: bad_input, not_found.' })
  rotateWebhookSecret(@Ctx() ctx: RequestContext, @Args() { id, overlapSeconds }: RotateWebhookSecretArgs) {
    return this.webhooks.rotateSecret(ctx, id, overlapSeconds);
  }

  @RequiresRole('admin')
  @Mutation(() => ID, { description: 'Deletes an endpoint with the record of its deliveries; answers its id. Errors: not_found.' })
  async deleteWebhookEndpoint(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string) {
    await this.webhooks.deleteEndpoint(ctx, id);
    return id;
  }

  @RequiresRole('admin')
  @Mutation(() => WebhookEndpoint, { description: 'Sends nothing more to it; what is pending fails. Errors: not_found.' })
  disableWebhookEndpoint(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string) {
    return this.webhooks.disableEndpoint(ctx, id);
  }

  @RequiresRole('admin')
  @Mutation(() => WebhookEndpoint, { description: 'Sends it the events from now on; replayWebhooks sends those that it missed. Errors: not_found.' })
  enableWebhookEndpoint(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string) {
    return this.webhooks.enableEndpoint(ctx, id);
  }

  @RequiresRole('admin')
  @Mutation(() => WebhookDelivery, { description: 'Sends an event to its endpoint once more, now. Errors: not_found, conflict.' })
  redeliverWebhook(@Ctx() ctx: RequestContext, @Args('deliveryId', { type: () => ID }) deliveryId: string) {
    return this.webhooks.redeliver(ctx, deliveryId);
  }

  @RequiresRole('admin')
  @Mutation(() => WebhookDelivery, { description: 'Sends an event webhook.test to this endpoint alone. Errors: not_found, conflict.' })
  sendTestWebhook(@Ctx() ctx: RequestContext, @Args('endpointId', { type: () => ID }) endpointId: string) {
    return this.webhooks.sendTest(ctx, endpointId);
  }

  @RequiresRole('admin')
  @Mutation(() => WebhookReplay, { description: 'Sends the events of a time range to an endpoint, also those that it never got. Errors: bad_input, not_found, conflict.' })
  replayWebhooks(@Ctx() ctx: RequestContext, @Args() { endpointId, from, to, eventTypes }: ReplayWebhooksArgs) {
    return this.replays.start(ctx, endpointId, { since: from, until: to, eventTypes: eventTypes ?? null });
  }
}
