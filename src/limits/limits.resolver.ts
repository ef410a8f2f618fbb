import { Args, ID, Mutation, Parent, ResolveField, Resolver } from '@nestjs/graphql';
import { Project } from '../auth/access.types.js';
import { Ctx } from '../auth/carrier.js';
import { RequiresPlatform, RequiresRole } from '../auth/requires-role.js';
import type { RequestContext } from '../common/request-context.js';
import { LimitsService } from './limits.service.js';
import { LimitSettings, LimitsInput, LimitsReport } from './limits.types.js';

@Resolver(() => Project)
export class LimitsResolver {
  constructor(private readonly service: LimitsService) {}

  @ResolveField(() => LimitsReport, { nullable: true, description: 'Limits and usage of the project and of the caller\'s API key. Null for another project than the caller\'s.' })
  limits(@Ctx() ctx: RequestContext, @Parent() project: Project) {
    return project.id === ctx.projectId ? this.service.report(ctx) : null;
  }

  @RequiresPlatform()
  @Mutation(() => LimitSettings, { description: 'Sets all limits of a project, for all processes at once; for platform keys, so that no tenant lifts its own. Errors: bad_input, not_found, forbidden.' })
  setProjectLimits(
    @Ctx() ctx: RequestContext,
    @Args('limits') limits: LimitsInput,
    @Args('projectId', { type: () => ID, nullable: true, description: 'Without it: the caller\'s own.' }) projectId?: string | null,
  ) {
    return this.service.setProjectLimits(ctx, projectId ?? ctx.projectId, limits);
  }

  @RequiresRole('admin')
  @Mutation(() => LimitSettings, { description: 'Sets all limits of an API key of the project. Errors: bad_input, not_found, forbidden.' })
  setApiKeyLimits(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string, @Args('limits') limits: LimitsInput) {
    return this.service.setKeyLimits(ctx, id, limits);
  }
}
