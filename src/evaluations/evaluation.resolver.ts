import { Args, ID, Mutation, Parent, Query, ResolveField, ResolveReference, Resolver, Subscription } from '@nestjs/graphql';
import { Ctx } from '../auth/carrier.js';
import type { RequestContext } from '../common/request-context.js';
import { DatasetVersion } from '../datasets/dataset.types.js';
import { ModelService } from '../models/model.service.js';
import { ModelVersion } from '../models/model.types.js';
import { PromptService } from '../prompts/prompt.service.js';
import { PromptVersion } from '../prompts/prompt.types.js';
import { ComparisonService } from './comparison.service.js';
import { EvaluationDatasetService } from './evaluation-dataset.service.js';
import { EvaluationStarter } from './evaluation-starter.js';
import type { EvaluationRunEntity } from './evaluation.entity.js';
import { EvaluationService } from './evaluation.service.js';
import {
  CreateDatasetFromEvaluationInput, CreateEvaluationSuiteInput, EvaluationComparison, EvaluationRun, EvaluationRunConnection, EvaluationRunsArgs,
  EvaluationSampleConnection, EvaluationSamplesArgs, EvaluationSuite, EvaluationSuiteConnection, EvaluationSuitesArgs, StartEvaluationInput,
} from './evaluation.types.js';
import { SuiteService } from './suite.service.js';

@Resolver(() => EvaluationSuite)
export class EvaluationSuiteResolver {
  constructor(private readonly suites: SuiteService) {}

  @Query(() => EvaluationSuite, { description: 'Errors: not_found.' })
  evaluationSuite(@Ctx() ctx: RequestContext, @Args('name') name: string) {
    return this.suites.findByName(ctx, name);
  }

  @Query(() => EvaluationSuiteConnection, { description: 'By default newest first.' })
  evaluationSuites(@Ctx() ctx: RequestContext, @Args() args: EvaluationSuitesArgs) {
    return this.suites.list(ctx, args);
  }

  @ResolveReference()
  resolveReference(@Ctx() ctx: RequestContext, @Parent() { id }: EvaluationSuite) {
    return this.suites.load(ctx, id);
  }

  @Mutation(() => EvaluationSuite, { description: 'Errors: bad_input, bad_data, not_found, conflict.' })
  createEvaluationSuite(@Ctx() ctx: RequestContext, @Args('input') input: CreateEvaluationSuiteInput) {
    return this.suites.create(ctx, input);
  }
}

@Resolver(() => EvaluationRun)
export class EvaluationRunResolver {
  constructor(
    private readonly evaluations: EvaluationService,
    private readonly starter: EvaluationStarter,
    private readonly comparisons: ComparisonService,
    private readonly trainingData: EvaluationDatasetService,
  ) {}

  @Query(() => EvaluationRun, { description: 'Errors: not_found.' })
  evaluationRun(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string) {
    return this.evaluations.find(ctx, id);
  }

  @ResolveReference()
  resolveReference(@Ctx() ctx: RequestContext, @Parent() { id }: EvaluationRun) {
    return this.evaluations.load(ctx, id);
  }

  @Query(() => EvaluationRunConnection, { description: 'By default newest first. Errors: not_found (the suite), bad_input.' })
  evaluationRuns(@Ctx() ctx: RequestContext, @Args() { suite, ...args }: EvaluationRunsArgs) {
    return this.evaluations.list(ctx, suite ?? null, args);
  }

  @Query(() => [EvaluationComparison], { description: 'Candidates against a baseline on the same items, in the order given. Errors: not_found, bad_input.' })
  compareEvaluations(
    @Ctx() ctx: RequestContext,
    @Args('baselineRunId', { type: () => ID }) baselineRunId: string,
    @Args('runIds', { type: () => [ID] }) runIds: string[],
  ) {
    return this.comparisons.compare(ctx, baselineRunId, runIds);
  }

  @Mutation(() => EvaluationRun, { description: 'Measures a candidate on a suite. Errors: not_found, bad_input, undefined_variable, quota_exceeded, insufficient_quota.' })
  startEvaluation(@Ctx() ctx: RequestContext, @Args('input') input: StartEvaluationInput) {
    return this.starter.start(ctx, input);
  }

  @Mutation(() => EvaluationRun, { description: 'Asks a run to end; one that is over stays as it is. Errors: not_found.' })
  cancelEvaluation(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string) {
    return this.evaluations.cancel(ctx, id);
  }

  @Mutation(() => DatasetVersion, { description: 'Training data (sft) from a model\'s own best answers. Errors: sealed, bad_input, not_found, conflict, licence_refused.' })
  createDatasetFromEvaluation(@Ctx() ctx: RequestContext, @Args('input') input: CreateDatasetFromEvaluationInput) {
    return this.trainingData.create(ctx, input);
  }

  @Subscription(() => EvaluationRun, { resolve: (run: EvaluationRunEntity) => run, description: 'The run now and after each change; completes when it is over. Errors: not_found.' })
  evaluationRunProgress(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string) {
    return this.evaluations.progress(ctx, id);
  }
}

/** What a run leads to. */
@Resolver(() => EvaluationRun)
export class EvaluationRunFieldsResolver {
  constructor(
    private readonly evaluations: EvaluationService,
    private readonly suites: SuiteService,
    private readonly models: ModelService,
    private readonly prompts: PromptService,
  ) {}

  @ResolveField(() => EvaluationSuite)
  suite(@Ctx() ctx: RequestContext, @Parent() run: EvaluationRun) {
    return this.suites.findById(ctx, run.suiteId);
  }

  @ResolveField(() => ModelVersion)
  modelVersion(@Ctx() ctx: RequestContext, @Parent() run: EvaluationRun) {
    return this.models.findVersionById(ctx, run.modelVersionId);
  }

  @ResolveField(() => PromptVersion, { nullable: true })
  promptVersion(@Ctx() ctx: RequestContext, @Parent() run: EvaluationRun) {
    return run.promptVersionId && this.prompts.findVersionById(ctx, run.promptVersionId);
  }

  @ResolveField(() => ModelVersion, { nullable: true, description: 'The reward model that chose the answers.' })
  rewardVersion(@Ctx() ctx: RequestContext, @Parent() run: EvaluationRun) {
    return run.rewardVersionId && this.models.findVersionById(ctx, run.rewardVersionId);
  }

  @ResolveField(() => EvaluationSampleConnection, { description: 'Answers, by default in order of item. Errors: sealed.' })
  samples(@Ctx() ctx: RequestContext, @Parent() run: EvaluationRun, @Args() args: EvaluationSamplesArgs) {
    return this.evaluations.samples(ctx, run, args);
  }
}
