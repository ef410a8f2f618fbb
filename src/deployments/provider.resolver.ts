import { Args, ID, Mutation, Parent, Query, ResolveField, ResolveReference, Resolver } from '@nestjs/graphql';
import { Ctx } from '../auth/carrier.js';
import { RequiresRole } from '../auth/requires-role.js';
import { NoCommand } from '../commands/command.interceptor.js';
import type { RequestContext } from '../common/request-context.js';
import type { ProviderEntity } from './deployment.entity.js';
import { ProviderService } from './provider.service.js';
import { CreateProviderInput, Provider, ProviderConnection, ProviderHeader, ProvidersArgs, ProviderTest, UpdateProviderInput } from './provider.types.js';

@Resolver(() => Provider)
export class ProviderResolver {
  constructor(private readonly service: ProviderService) {}

  @Query(() => ProviderConnection, { description: 'By default newest first.' })
  providers(@Ctx() ctx: RequestContext, @Args() args: ProvidersArgs) {
    return this.service.list(ctx, args);
  }

  @RequiresRole('admin')
  @Mutation(() => Provider, { description: 'Adds an endpoint that answers for models. Errors: bad_input, conflict.' })
  createProvider(@Ctx() ctx: RequestContext, @Args('input') input: CreateProviderInput) {
    return this.service.create(ctx, input);
  }

  @RequiresRole('admin')
  @Mutation(() => Provider, { description: 'Calls from now on are made so. Errors: not_found, bad_input.' })
  updateProvider(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string, @Args('input') input: UpdateProviderInput) {
    return this.service.update(ctx, id, input);
  }

  @RequiresRole('admin')
  @Mutation(() => Provider, { description: 'Calls from now on are made with this key. Errors: not_found, bad_input.' })
  rotateProviderKey(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string, @Args('apiKey') apiKey: string) {
    return this.service.rotateKey(ctx, id, apiKey);
  }

  @RequiresRole('admin')
  @Mutation(() => ID, { description: 'Answers its id. Errors: not_found, conflict while a deployment names one of its models.' })
  async deleteProvider(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string) {
    await this.service.delete(ctx, id);
    return id;
  }

  @RequiresRole('admin')
  @NoCommand()
  @Mutation(() => ProviderTest, { description: 'Asks it for its list of models, and changes nothing. Errors: not_found.' })
  testProvider(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string) {
    return this.service.probe(ctx, id);
  }

  @ResolveReference()
  resolveReference(@Ctx() ctx: RequestContext, @Parent() { id }: Provider) {
    return this.service.load(ctx, id);
  }

  @ResolveField(() => Boolean)
  hasKey(@Parent() provider: ProviderEntity) {
    return provider.encryptedKey !== null;
  }

  @ResolveField(() => [ProviderHeader])
  headers(@Parent() provider: ProviderEntity) {
    return Object.entries(provider.headers).map(([name, value]) => ({ name, value }));
  }
}
