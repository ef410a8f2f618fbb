import { Args, ID, Mutation, Query, Resolver } from '@nestjs/graphql';
import { Ctx } from '../auth/carrier.js';
import type { RequestContext } from '../common/request-context.js';
import { LimitsService } from './limits.service.js';
import { LimitSettings, LimitsInput, LimitsReport } from './limits.types.js';

@Resolver(() => LimitsReport)
export class LimitsResolver {
  constructor(private readonly service: LimitsService) {}

  @Query(() => LimitsReport, { description: 'Limits and usage of the caller\'s project and API key.' })
  limits(@Ctx() ctx: RequestContext) {
    return this.service.report(ctx);
  }

  @Mutation(() => LimitSettings, { description: 'Sets all limits of the caller\'s project, for all processes at once. Errors: bad_input.' })
  setProjectLimits(@Ctx() ctx: RequestContext, @Args('limits') limits: LimitsInput) {
    return this.service.setProjectLimits(ctx, limits);
  }

  @Mutation(() => LimitSettings, { description: 'Sets all limits of an API key of the project. Errors: bad_input, not_found.' })
  setApiKeyLimits(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string, @Args('limits') limits: LimitsInput) {
    return this.service.setKeyLimits(ctx, id, limits);
  }
}
