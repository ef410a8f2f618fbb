import { Args, ID, Mutation, Parent, Query, ResolveField, ResolveReference, Resolver } from '@nestjs/graphql';
import { Ctx } from '../auth/carrier.js';
import { RequiresRole } from '../auth/requires-role.js';
import { KeysetArgs } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { PromptService } from '../prompts/prompt.service.js';
import { PromptVersion } from '../prompts/prompt.types.js';
import { ExperimentControlService } from './experiment-control.service.js';
import { ExperimentDesignService } from './experiment-design.service.js';
import { ExperimentService } from './experiment.service.js';
import { CreateExperimentInput, Experiment, ExperimentArm, ExperimentConnection, ExperimentsArgs, ReshareExperimentInput } from './experiment.types.js';
import { ResultsService } from './results.service.js';
import { ExperimentResults } from './results.types.js';

@Resolver(() => Experiment)
export class ExperimentResolver {
  constructor(
    private readonly service: ExperimentService,
    private readonly design: ExperimentDesignService,
    private readonly control: ExperimentControlService,
  ) {}

  @Query(() => Experiment, { description: 'Errors: not_found.' })
  experiment(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string) {
    return this.service.find(ctx, id);
  }

  @Query(() => ExperimentConnection, { description: 'By default newest first.' })
  experiments(@Ctx() ctx: RequestContext, @Args() args: ExperimentsArgs) {
    return this.service.list(ctx, args);
  }

  @ResolveReference()
  resolveReference(@Ctx() ctx: RequestContext, @Parent() { id }: Experiment) {
    return this.service.load(ctx, id);
  }

  @Mutation(() => Experiment, { description: 'Makes a draft, which takes no traffic yet. Errors: bad_input, bad_reference, not_found, model_not_found.' })
  createExperiment(@Ctx() ctx: RequestContext, @Args('input') input: CreateExperimentInput) {
    return this.design.create(ctx, input);
  }

  @RequiresRole('deployer')
  @Mutation(() => Experiment, { description: 'Lets a draft take traffic, if its subject still names what it did when the draft was made (`baseline`). One experiment of a subject runs at a time. Errors: not_found, conflict, model_not_found.' })
  startExperiment(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string) {
    return this.control.start(ctx, id);
  }

  @RequiresRole('deployer')
  @Mutation(() => Experiment, { description: 'Changes how the traffic is shared out; as few keys as possible change their arm. Errors: not_found, bad_input, conflict.' })
  reshareExperiment(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string, @Args('input') { allocation, weights }: ReshareExperimentInput) {
    return this.design.reshare(ctx, id, allocation ?? null, weights);
  }

  @RequiresRole('deployer')
  @Mutation(() => Experiment, { description: 'Ends an experiment and, with promote, moves its label, alias or deployment to that arm, all at once. An alias is moved to versions of its own model only; a draft has nothing to promote. Errors: not_found, bad_input, conflict, forbidden.' })
  stopExperiment(
    @Ctx() ctx: RequestContext,
    @Args('id', { type: () => ID }) id: string,
    @Args('promote', { type: () => String, nullable: true, description: 'Name of an arm. Left out: the subject stays as it is.' }) promote?: string | null,
  ) {
    return this.control.stop(ctx, id, promote ?? null);
  }
}

@Resolver(() => Experiment)
export class ExperimentFieldsResolver {
  constructor(
    private readonly experiments: ExperimentService,
    private readonly measured: ResultsService,
  ) {}

  @ResolveField(() => [ExperimentArm], { description: 'What is compared, in the order of the design.' })
  arms(@Ctx() ctx: RequestContext, @Parent() { id }: Experiment) {
    return this.experiments.armsOf(ctx, id);
  }

  @ResolveField(() => ExperimentResults, { description: 'Measured now, from the log of calls and their feedback.' })
  results(@Ctx() ctx: RequestContext, @Parent() { id }: Experiment) {
    return this.measured.load(ctx, id);
  }
}

@Resolver(() => ExperimentArm)
export class ExperimentArmResolver {
  constructor(private readonly prompts: PromptService) {}

  @ResolveField(() => PromptVersion, { nullable: true, description: 'The version that a prompt\'s arm is.' })
  version(@Ctx() ctx: RequestContext, @Parent() { promptVersionId }: ExperimentArm) {
    return promptVersionId && this.prompts.findVersionById(ctx, promptVersionId);
  }
}

@Resolver(() => PromptVersion)
export class PromptVersionExperimentsResolver {
  constructor(private readonly listed: ExperimentService) {}

  @ResolveField(() => ExperimentConnection, { description: 'Those that it is an arm of, newest first.' })
  experiments(@Ctx() ctx: RequestContext, @Parent() { id }: PromptVersion, @Args() args: KeysetArgs) {
    return this.listed.listOfVersion(ctx, id, args);
  }
}
