import { Args, ID, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { GraphQLJSONObject } from 'graphql-scalars';
import { Ctx } from '../auth/carrier.js';
import { RequiresRole } from '../auth/requires-role.js';
import type { RequestContext } from '../common/request-context.js';
import { ModelVersion } from '../models/model.types.js';
import { ModelService } from '../models/model.service.js';
import { PromptService } from '../prompts/prompt.service.js';
import { PromptVersion } from '../prompts/prompt.types.js';
import { CallDatasetService } from './call-dataset.service.js';
import { CreateDatasetFromCallsInput, DatasetFromCallsResult } from './call-dataset.types.js';
import { CallFeedbackService } from './call-feedback.service.js';
import { type CallSettings, CallSettingsService } from './call-settings.service.js';
import { CallStats, percentiles, StatsGroupEnum } from './call-stats.types.js';
import type { StatsGroup } from './call-filter.js';
import type { CallEntity, CallFeedbackEntity } from './call.entity.js';
import { CallService } from './call.service.js';
import {
  AddCallFeedbackArgs, Call, CallConnection, CallFeedback, CallFeedbackArgs, CallFeedbackConnection, CallFilterInput, CallLoggingSettings, CallsArgs, SetCallLoggingArgs,
} from './call.types.js';
import { BUILT_IN } from './redactions.js';

@Resolver(() => Call)
export class CallResolver {
  constructor(
    private readonly calls: CallService,
    private readonly feedback: CallFeedbackService,
    private readonly prompts: PromptService,
    private readonly models: ModelService,
  ) {}

  @Query(() => Call, { description: 'One call. Errors: not_found.' })
  call(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string) {
    return this.calls.find(ctx, id);
  }

  @Query(() => CallConnection, { name: 'calls', description: 'Calls of models, by default newest first; about a second late. Errors: bad_input.' })
  list(@Ctx() ctx: RequestContext, @Args() args: CallsArgs) {
    return this.calls.list(ctx, args);
  }

  @Query(() => [CallStats], { description: 'Calls counted by group, at most 1000: those with the most calls, or the newest hours and days. Of the last seven days unless the filter says since when.' })
  async callStats(
    @Ctx() ctx: RequestContext,
    @Args('groupBy', { type: () => StatsGroupEnum }) groupBy: StatsGroup,
    @Args('filter', { type: () => CallFilterInput, nullable: true }) filter?: CallFilterInput | null,
  ) {
    const rows = await this.calls.stats(ctx, filter ?? {}, groupBy);
    return rows.map((row) => ({ ...row, latencyMs: percentiles(row.latencyMs), firstTokenMs: row.firstTokenMs && percentiles(row.firstTokenMs) }));
  }

  @ResolveField(() => GraphQLJSONObject, { nullable: true, description: 'The request as it was sent on, the prompt rendered; null unless it was logged in full.' })
  async request(@Ctx() ctx: RequestContext, @Parent() call: CallEntity) {
    return (await this.calls.loadBodies(ctx, call.id))?.request ?? null;
  }

  @ResolveField(() => GraphQLJSONObject, { nullable: true, description: 'The whole answer, a stream put together; null unless it was logged in full.' })
  async answer(@Ctx() ctx: RequestContext, @Parent() call: CallEntity) {
    return (await this.calls.loadBodies(ctx, call.id))?.answer ?? null;
  }

  @ResolveField(() => GraphQLJSONObject, { nullable: true, description: 'What the prompt was filled in with; null unless it was logged in full.' })
  async variables(@Ctx() ctx: RequestContext, @Parent() call: CallEntity) {
    return (await this.calls.loadBodies(ctx, call.id))?.variables ?? null;
  }

  @ResolveField(() => CallFeedbackConnection, { name: 'feedback', description: 'By default newest first.' })
  feedbackOf(@Ctx() ctx: RequestContext, @Parent() call: CallEntity, @Args() args: CallFeedbackArgs) {
    return this.feedback.listOf(ctx, call.id, args);
  }

  @ResolveField(() => PromptVersion, { nullable: true, description: 'The registered prompt that it was made with.' })
  promptVersion(@Ctx() ctx: RequestContext, @Parent() { promptVersionId }: CallEntity) {
    return promptVersionId === null ? null : this.prompts.loadVersion(ctx, promptVersionId);
  }

  @ResolveField(() => ModelVersion, { nullable: true, description: 'The registered version that answered, or was asked last.' })
  modelVersion(@Ctx() ctx: RequestContext, @Parent() { modelVersionId }: CallEntity) {
    return modelVersionId === null ? null : this.models.loadVersion(ctx, modelVersionId);
  }
}

@Resolver(() => CallFeedback)
export class CallFeedbackResolver {
  constructor(
    private readonly feedback: CallFeedbackService,
    private readonly calls: CallService,
    private readonly datasets: CallDatasetService,
  ) {}

  @Query(() => CallFeedbackConnection, { description: 'Judgements of calls, by default newest first. Errors: bad_input.' })
  callFeedback(@Ctx() ctx: RequestContext, @Args() args: CallFeedbackArgs) {
    return this.feedback.list(ctx, args);
  }

  @RequiresRole('annotator')
  @Mutation(() => CallFeedback, { description: 'Judges a call, which may have ended just now. Errors: bad_input, not_found, conflict when several calls have the request id.' })
  addCallFeedback(@Ctx() ctx: RequestContext, @Args() args: AddCallFeedbackArgs) {
    return this.feedback.add(ctx, args);
  }

  @Mutation(() => DatasetFromCallsResult, {
    description: 'Makes a data set version of calls that people judged; needs calls that were logged in full. Errors: bad_input, conflict, licence_refused, quota_exceeded.',
  })
  createDatasetFromCalls(@Ctx() ctx: RequestContext, @Args('input') { filter, minScore, ...input }: CreateDatasetFromCallsInput) {
    return this.datasets.create(ctx, { ...input, filter: filter ?? {}, minScore: minScore ?? null });
  }

  @ResolveField(() => Call, { nullable: true, description: 'Null while the call is on its way to the log, and when it was not logged.' })
  call(@Ctx() ctx: RequestContext, @Parent() { callId }: CallFeedbackEntity) {
    return this.calls.load(ctx, callId);
  }

  @ResolveField(() => Call, { nullable: true, description: 'The call of preferredOverCallId, likewise.' })
  preferredOver(@Ctx() ctx: RequestContext, @Parent() { preferredOverCallId }: CallFeedbackEntity) {
    return preferredOverCallId === null ? null : this.calls.load(ctx, preferredOverCallId);
  }
}

@Resolver()
export class CallLoggingResolver {
  constructor(private readonly settings: CallSettingsService) {}

  @Query(() => CallLoggingSettings, { description: 'How the project logs its calls.' })
  async callLogging(@Ctx() ctx: RequestContext) {
    return withBuiltIn(await this.settings.find(ctx));
  }

  @RequiresRole('admin')
  @Mutation(() => CallLoggingSettings, { description: 'Says how calls are logged from now on, in all processes at once. Errors: bad_input naming the pattern and the place in it.' })
  async setCallLogging(@Ctx() ctx: RequestContext, @Args() args: SetCallLoggingArgs) {
    return withBuiltIn(await this.settings.set(ctx, args));
  }
}

const withBuiltIn = ({ mode, retentionDays, redactions }: CallSettings) => (
  { mode, retentionDays, redactions, builtIn: Object.entries(BUILT_IN).map(([name, { description }]) => ({ name, description })) });
