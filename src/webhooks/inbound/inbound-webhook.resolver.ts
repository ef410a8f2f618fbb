import { Args, ID, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { Ctx } from '../../auth/carrier.js';
import { RequiresRole } from '../../auth/requires-role.js';
import { PageArgs } from '../../common/pagination.js';
import type { RequestContext } from '../../common/request-context.js';
import { InboundWebhookService } from './inbound-webhook.service.js';
import { CreateInboundWebhookArgs, InboundWebhook, InboundWebhookConnection, InboundWebhookWithSecret, RotateInboundWebhookSecretArgs } from './inbound-webhook.types.js';

@Resolver(() => InboundWebhook)
export class InboundWebhookResolver {
  constructor(private readonly inbound: InboundWebhookService) {}

  @Query(() => InboundWebhook, { description: 'One inbound webhook. Errors: not_found.' })
  inboundWebhook(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string) {
    return this.inbound.find(ctx, id);
  }

  @Query(() => InboundWebhookConnection, { description: 'Inbound webhooks, newest first. Errors: bad_input.' })
  inboundWebhooks(@Ctx() ctx: RequestContext, @Args() page: PageArgs) {
    return this.inbound.list(ctx, page);
  }

  @RequiresRole('admin')
  @Mutation(() => InboundWebhookWithSecret, { description: 'Makes a URL for a provider\'s webhooks. Errors: bad_input.' })
  createInboundWebhook(@Ctx() ctx: RequestContext, @Args() { provider, secret, description }: CreateInboundWebhookArgs) {
    return this.inbound.create(ctx, provider, secret ?? null, description ?? null);
  }

  @RequiresRole('admin')
  @Mutation(() => InboundWebhookWithSecret, { description: 'Puts another secret in place: the sender\'s, or a new one. Errors: bad_input, not_found.' })
  rotateInboundWebhookSecret(@Ctx() ctx: RequestContext, @Args() { id, secret, overlapSeconds }: RotateInboundWebhookSecretArgs) {
    return this.inbound.rotateSecret(ctx, id, secret ?? null, overlapSeconds);
  }

  @RequiresRole('admin')
  @Mutation(() => ID, { description: 'Deletes an inbound webhook; its events stay. Answers its id. Errors: not_found.' })
  async deleteInboundWebhook(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string) {
    await this.inbound.remove(ctx, id);
    return id;
  }

  @ResolveField(() => String, { description: 'Where the sender posts to, below the address of this service: `/v1/hooks/…`.' })
  path(@Parent() { provider, id }: InboundWebhook) {
    return `/v1/hooks/${provider}/${id}`;
  }
}
