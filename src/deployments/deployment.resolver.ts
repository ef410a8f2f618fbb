import { Args, Mutation, Parent, Query, ResolveReference, Resolver } from '@nestjs/graphql';
import { Ctx } from '../auth/carrier.js';
import { RequiresRole } from '../auth/requires-role.js';
import type { RequestContext } from '../common/request-context.js';
import { DeploymentService } from './deployment.service.js';
import { CreateDeploymentInput, Deployment, DeploymentConnection, DeploymentsArgs } from './deployment.types.js';

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
