import { Args, Mutation, Parent, Query, ResolveField, ResolveReference, Resolver } from '@nestjs/graphql';
import { Ctx } from '../auth/carrier.js';
import { RequiresRole } from '../auth/requires-role.js';
import type { RequestContext } from '../common/request-context.js';
import type { ProviderEntity } from './deployment.entity.js';
import { DeploymentService } from './deployment.service.js';
import { CreateDeploymentInput, CreateProviderInput, Deployment, DeploymentConnection, DeploymentsArgs, Provider, ProviderConnection, ProvidersArgs } from './deployment.types.js';

@Resolver(() => Deployment)
export class DeploymentResolver {
  constructor(private readonly service: DeploymentService) {}

  @Query(() => DeploymentConnection, { description: 'By default newest first.' })
  deployments(@Ctx() ctx: RequestContext, @Args() args: DeploymentsArgs) {
    return this.service.list(ctx, args);
  }

  @RequiresRole('deployer')
  @Mutation(() => Deployment, { description: 'Gives apps a name to call. Errors: bad_input, model_not_found, conflict.' })
  createDeployment(@Ctx() ctx: RequestContext, @Args('input') input: CreateDeploymentInput) {
    return this.service.createDeployment(ctx, input);
  }

  @ResolveReference()
  resolveReference(@Ctx() ctx: RequestContext, @Parent() { id }: Deployment) {
    return this.service.load(ctx, id);
  }
}

@Resolver(() => Provider)
export class ProviderResolver {
  constructor(private readonly service: DeploymentService) {}

  @Query(() => ProviderConnection, { description: 'By default newest first.' })
  providers(@Ctx() ctx: RequestContext, @Args() args: ProvidersArgs) {
    return this.service.listProviders(ctx, args);
  }

  @RequiresRole('admin')
  @Mutation(() => Provider, { description: 'Adds an OpenAI-compatible endpoint. Errors: bad_input, conflict.' })
  createProvider(@Ctx() ctx: RequestContext, @Args('input') input: CreateProviderInput) {
    return this.service.createProvider(ctx, input);
  }

  @ResolveReference()
  resolveReference(@Ctx() ctx: RequestContext, @Parent() { id }: Provider) {
    return this.service.loadProvider(ctx, id);
  }

  @ResolveField(() => Boolean)
  hasKey(@Parent() provider: ProviderEntity) {
    return provider.encryptedKey !== null;
  }
}
