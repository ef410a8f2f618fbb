import { Args, Float, Mutation, Resolver } from '@nestjs/graphql';
import { Ctx } from '../auth/request-context.guard.js';
import type { RequestContext } from '../common/request-context.js';
import { RewardModelService } from './reward-model.service.js';
import { ScoreAnswersInput } from './reward-model.types.js';

@Resolver()
export class RewardModelResolver {
  constructor(private readonly rewardModels: RewardModelService) {}

  @Mutation(() => [Float], { description: 'Raw rewards, one per conversation, in order; higher is better, only differences mean something. Errors: bad_input, not_found, unavailable.' })
  scoreAnswers(@Ctx() ctx: RequestContext, @Args('input') input: ScoreAnswersInput) {
    return this.rewardModels.scoreAnswers(ctx, input.rewardModel, input.conversations.map((conversation) => conversation.messages));
  }
}
