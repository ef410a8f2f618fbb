import { Args, ID, Int, Mutation, Parent, Query, ResolveField, ResolveReference, Resolver, Subscription } from '@nestjs/graphql';
import { Ctx } from '../auth/carrier.js';
import type { RequestContext } from '../common/request-context.js';
import { DatasetService } from '../datasets/dataset.service.js';
import { DatasetVersion } from '../datasets/dataset.types.js';
import { ModelService } from '../models/model.service.js';
import { ModelVersion } from '../models/model.types.js';
import { PromptService } from '../prompts/prompt.service.js';
import { PromptVersion } from '../prompts/prompt.types.js';
import type { FineTuneJobEntity } from './fine-tune-job.entity.js';
import { type FollowedEvent, FineTuneEventService } from './fine-tune-event.service.js';
import { FineTuneJobService } from './fine-tune-job.service.js';
import { CreateFineTuneJobInput } from './fine-tune-input.types.js';
import {
  FineTuneCheckpoint, FineTuneEventConnection, FineTuneEventsArgs, FineTuneJob, FineTuneJobConnection, FineTuneJobEvent, FineTuneJobsArgs, FineTuneJobState,
  MetricPoint,
} from './fine-tune-job.types.js';

const totalStepsOf = (job: Pick<FineTuneJobEntity, 'settings'>): number => job.settings.hyperparameters.maxSteps;

const stateOf = (job: FineTuneJobEntity): FineTuneJobState =>
  ({ status: job.status, step: job.step, totalSteps: totalStepsOf(job), etaSeconds: job.etaSeconds });

@Resolver(() => FineTuneJob)
export class FineTuneJobResolver {
  constructor(
    private readonly jobs: FineTuneJobService,
    private readonly eventService: FineTuneEventService,
    private readonly models: ModelService,
    private readonly datasets: DatasetService,
    private readonly prompts: PromptService,
  ) {}

  @Query(() => FineTuneJob, { description: 'Errors: not_found.' })
  fineTuneJob(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string) {
    return this.jobs.get(ctx, id);
  }

  @Query(() => FineTuneJobConnection, { description: 'By default newest first.' })
  fineTuneJobs(@Ctx() ctx: RequestContext, @Args() args: FineTuneJobsArgs) {
    return this.jobs.list(ctx, args);
  }

  @Mutation(() => FineTuneJob, { description: 'Checks and queues a job. Errors: not_found, bad_reference, bad_input, undefined_variable, sealed, licence_refused, quota_exceeded, insufficient_quota.' })
  createFineTuneJob(@Ctx() ctx: RequestContext, @Args('input') input: CreateFineTuneJobInput) {
    return this.jobs.create(ctx, input);
  }

  @Mutation(() => FineTuneJob, { description: 'Ends a queued job, asks a running one to stop; no model comes of it after that. Errors: not_found, conflict.' })
  cancelFineTuneJob(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string) {
    return this.jobs.cancel(ctx, id);
  }

  @Subscription(() => FineTuneJobEvent, {
    resolve: ({ event, job }: FollowedEvent) => Object.assign(event, { job: stateOf(job) }),
    description: 'Events of a job, past and to come, in order; completes when the job is over. A cursor goes on where a connection broke off. Errors: not_found, bad_input.',
  })
  async fineTuneJobEvents(
    @Ctx() ctx: RequestContext,
    @Args('id', { type: () => ID }) id: string,
    @Args('after', { type: () => String, nullable: true, description: '`cursor` of the last event seen.' }) after?: string | null,
  ) {
    await this.jobs.get(ctx, id);
    return this.eventService.follow(ctx, id, after ?? null);
  }

  @ResolveReference()
  resolveReference(@Ctx() ctx: RequestContext, @Parent() { id }: FineTuneJob) {
    return this.jobs.load(ctx, id);
  }

  @ResolveField(() => Int, { description: 'Optimiser steps in all.' })
  totalSteps(@Parent() job: FineTuneJob) {
    return totalStepsOf(job);
  }

  @ResolveField(() => ModelVersion, { description: 'Base or adapter that it starts from.' })
  startsFrom(@Ctx() ctx: RequestContext, @Parent() job: FineTuneJob) {
    return this.models.findVersionById(ctx, job.fromVersionId);
  }

  @ResolveField(() => DatasetVersion)
  dataset(@Ctx() ctx: RequestContext, @Parent() job: FineTuneJob) {
    return this.datasets.findVersionById(ctx, job.datasetVersionId);
  }

  @ResolveField(() => PromptVersion, { nullable: true, description: 'Prompt version that renders its rows.' })
  prompt(@Ctx() ctx: RequestContext, @Parent() job: FineTuneJob) {
    return job.promptVersionId === null ? null : this.prompts.findVersionById(ctx, job.promptVersionId);
  }

  @ResolveField(() => ModelVersion, { nullable: true, description: 'What it made, once it has succeeded.' })
  modelVersion(@Ctx() ctx: RequestContext, @Parent() job: FineTuneJob) {
    return job.modelVersionId === null ? null : this.models.findVersionById(ctx, job.modelVersionId);
  }

  @ResolveField(() => FineTuneEventConnection, { description: 'What happened, by default in order.' })
  events(@Ctx() ctx: RequestContext, @Parent() job: FineTuneJob, @Args() args: FineTuneEventsArgs) {
    return this.eventService.list(ctx, job.id, args);
  }

  @ResolveField(() => [FineTuneCheckpoint], { description: 'The newest hundred, newest first.' })
  checkpoints(@Ctx() ctx: RequestContext, @Parent() job: FineTuneJob) {
    return this.jobs.checkpoints(ctx, job.id);
  }

  @ResolveField(() => [MetricPoint], { description: 'One metric by step, such as loss, eval_loss, reward, kl or gold.' })
  metrics(@Ctx() ctx: RequestContext, @Parent() job: FineTuneJob, @Args('name') name: string) {
    return this.eventService.metric(ctx, job.id, name);
  }
}
