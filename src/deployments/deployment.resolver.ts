import { Args, ID, Mutation, Parent, Query, ResolveField, ResolveReference, Resolver } from '@nestjs/graphql';
import { Ctx } from '../auth/carrier.js';
import { RequiresRole } from '../auth/requires-role.js';
import type { RequestContext } from '../common/request-context.js';
import type { DeploymentEntity } from './deployment.entity.js';
import { DeploymentService } from './deployment.service.js';
import { CreateDeploymentInput, Deployment, DeploymentConnection, DeploymentsArgs } from './deployment.types.js';
import { routingOf } from './routing-policy.js';
import { RoutingService } from './routing.service.js';
import { DeleteDeploymentArgs, RoutingPolicy, SetDeploymentWeightsArgs, UpdateDeploymentArgs } from './routing.types.js';

@Resolver(() => Deployment)
export class DeploymentResolver {
  constructor(
    private readonly service: DeploymentService,
    private readonly routes: RoutingService,
  ) {}

  @Query(() => DeploymentConnection, { description: 'By default newest first.' })
  deployments(@Ctx() ctx: RequestContext, @Args() args: DeploymentsArgs) {
    return this.service.list(ctx, args);
  }

  @RequiresRole('deployer')
  @Mutation(() => Deployment, { description: 'Gives apps a name to call. Errors: bad_input, model_not_found, conflict.' })
  createDeployment(@Ctx() ctx: RequestContext, @Args('input') input: CreateDeploymentInput) {
    return this.routes.createDeployment(ctx, input);
  }

  @RequiresRole('deployer')
  @Mutation(() => Deployment, { description: 'Changes what is given of its routing; calls from now on go by it. Errors: bad_input, not_found, model_not_found, conflict.' })
  updateDeployment(@Ctx() ctx: RequestContext, @Args() { name, routing, expectedRevision }: UpdateDeploymentArgs) {
    return this.routes.updateDeployment(ctx, name, routing, expectedRevision);
  }

  @RequiresRole('deployer')
  @Mutation(() => Deployment, { description: 'Gives its arms other weights, such as to grow a canary: callers that are with it already stay. Errors: bad_input, not_found, conflict.' })
  setDeploymentWeights(@Ctx() ctx: RequestContext, @Args() { name, weights, expectedRevision }: SetDeploymentWeightsArgs) {
    return this.routes.setWeights(ctx, name, weights, expectedRevision);
  }

  @RequiresRole('deployer')
  @Mutation(() => ID, { description: 'Deletes it: its name answers model_not_found from now on. Answers its id. Errors: not_found, conflict.' })
  deleteDeployment(@Ctx() ctx: RequestContext, @Args() { name, expectedRevision }: DeleteDeploymentArgs) {
    return this.routes.deleteDeployment(ctx, name, expectedRevision);
  }

  @ResolveField(() => RoutingPolicy)
  routing(@Parent() deployment: DeploymentEntity) {
    return routingOf(deployment);
  }

  @ResolveReference()
  resolveReference(@Ctx() ctx: RequestContext, @Parent() { id }: Deployment) {
    return this.service.load(ctx, id);
  }
}
