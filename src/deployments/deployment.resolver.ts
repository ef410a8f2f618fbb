import { Args, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { Ctx } from '../auth/carrier.js';
import { RequiresRole } from '../auth/requires-role.js';
import { PageArgs } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import type { ProviderEntity } from './deployment.entity.js';
import { DeploymentService } from './deployment.service.js';
import { CreateDeploymentInput, CreateProviderInput, Deployment, DeploymentConnection, Provider, ProviderConnection } from './deployment.types.js';

@Resolver(() => Deployment)
export class DeploymentResolver {
  constructor(private readonly service: DeploymentService) {}

  @Query(() => DeploymentConnection, { description: 'Deployments, newest first.' })
  deployments(@Ctx() ctx: RequestContext, @Args() page: PageArgs) {
    return this.service.list(ctx, page);
  }

  @RequiresRole('deployer')
  @Mutation(() => Deployment, { description: 'Gives apps a name to call. Errors: bad_input, model_not_found, conflict.' })
  createDeployment(@Ctx() ctx: RequestContext, @Args('input') input: CreateDeploymentInput) {
    return this.service.createDeployment(ctx, input);
  }
}

@Resolver(() => Provider)
export class ProviderResolver {
  constructor(private readonly service: DeploymentService) {}

  @Query(() => ProviderConnection, { description: 'Providers, newest first.' })
  providers(@Ctx() ctx: RequestContext, @Args() page: PageArgs) {
    return this.service.listProviders(ctx, page);
  }

  @RequiresRole('admin')
  @Mutation(() => Provider, { description: 'Adds an OpenAI-compatible endpoint. Errors: bad_input, conflict.' })
  createProvider(@Ctx() ctx: RequestContext, @Args('input') input: CreateProviderInput) {
    return this.service.createProvider(ctx, input);
  }

  @ResolveField(() => Boolean)
  hasKey(@Parent() provider: ProviderEntity) {
    return provider.encryptedKey !== null;
  }
}
