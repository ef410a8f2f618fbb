import { Args, Float, Mutation, Parent, ResolveField, Resolver } from '@nestjs/graphql';
import { Ctx } from '../auth/carrier.js';
import { RequiresRole } from '../auth/requires-role.js';
import { NoCommand } from '../commands/command.interceptor.js';
import type { RequestContext } from '../common/request-context.js';
import { RewardReport } from '../fine-tune-jobs/fine-tune-job.types.js';
import { ModelVersion } from '../models/model.types.js';
import { RewardModelService } from './reward-model.service.js';
import { ScoreAnswersInput } from './reward-model.types.js';

@Resolver(() => ModelVersion)
export class RewardModelResolver {
  constructor(private readonly rewardModels: RewardModelService) {}

  @RequiresRole('viewer')
  @NoCommand()
  @Mutation(() => [Float], { description: 'Raw rewards, one per conversation, in order; higher is better, only differences mean something. Errors: bad_input, not_found, unavailable.' })
  scoreAnswers(@Ctx() ctx: RequestContext, @Args('input') input: ScoreAnswersInput) {
    return this.rewardModels.scoreAnswers(ctx, input.rewardModel, input.conversations.map((conversation) => conversation.messages));
  }

  @ResolveField(() => RewardReport, { nullable: true, description: 'Of a reward model: how often it agrees with held-out preferences, by slice. Null for other kinds.' })
  rewardReport(@Ctx() ctx: RequestContext, @Parent() version: ModelVersion) {
    return this.rewardModels.reportOf(ctx, version);
  }
}
