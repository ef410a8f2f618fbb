import { Args, Int, Mutation, Parent, Query, ResolveField, ResolveReference, Resolver } from '@nestjs/graphql';
import { GraphQLJSONObject } from 'graphql-scalars';
import { Ctx } from '../auth/carrier.js';
import { PageArgs } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { PromptIncludesService } from './prompt-includes.service.js';
import { PromptService } from './prompt.service.js';
import { ChatMessage, CreatePromptVersionInput, Prompt, PromptConnection, PromptInclude, PromptsArgs, PromptVersion, PromptVersionConnection, PromptVersionsArgs } from './prompt.types.js';

@Resolver(() => PromptVersion)
export class PromptVersionResolver {
  constructor(
    private readonly prompts: PromptService,
    private readonly included: PromptIncludesService,
  ) {}

  @Query(() => PromptVersion, { description: 'One version, by number or label; with neither the one labelled production.' })
  prompt(
    @Ctx() ctx: RequestContext,
    @Args('name') name: string,
    @Args('version', { type: () => Int, nullable: true }) version?: number,
    @Args('label', { type: () => String, nullable: true }) label?: string,
  ) {
    return this.prompts.fetch(ctx, name, { version: version ?? null, label: label ?? null });
  }

  @Query(() => [ChatMessage], { description: 'The messages of a prompt with its variables filled in; one message for a prompt of type text or image. Errors: undefined_variable, not_found, too_large.' })
  async renderPrompt(
    @Ctx() ctx: RequestContext,
    @Args('ref', { description: '`prompts:/name/3`, `prompts:/name@label` or `prompts:/name`.' }) ref: string,
    @Args('variables', { type: () => GraphQLJSONObject }) variables: Record<string, unknown>,
  ) {
    return (await this.prompts.readyRef(ctx, ref)).render(variables);
  }

  @Mutation(() => PromptVersion, { description: 'Adds a version; the first creates the prompt. Errors: bad_input, not_found (of what it includes), conflict, forbidden (a protected label).' })
  createPromptVersion(@Ctx() ctx: RequestContext, @Args('input') input: CreatePromptVersionInput) {
    return this.prompts.createVersion(ctx, input);
  }

  @Mutation(() => PromptVersion, { description: 'Moves labels to a version. Errors: bad_input, not_found, conflict, forbidden (a protected one).' })
  setPromptLabels(
    @Ctx() ctx: RequestContext,
    @Args('name') name: string,
    @Args('version', { type: () => Int }) version: number,
    @Args('labels', { type: () => [String] }) labels: string[],
    @Args('expectedVersion', { type: () => Int, nullable: true, description: 'The version that each label names now, 0 for none: with it the labels move only if nobody moved them meanwhile.' }) expectedVersion?: number | null,
  ) {
    return this.prompts.setLabels(ctx, name, version, labels, expectedVersion);
  }

  @ResolveReference()
  resolveReference(@Ctx() ctx: RequestContext, @Parent() { id }: PromptVersion) {
    return this.prompts.loadVersion(ctx, id);
  }

  @ResolveField(() => [String], { description: 'Labels on this version, `latest` included.' })
  labels(@Ctx() ctx: RequestContext, @Parent() version: PromptVersion) {
    return this.prompts.labelsOf(ctx, version);
  }

  @ResolveField(() => [PromptInclude], { description: 'Prompts that its templates include with `{% render %}`.' })
  includes(@Ctx() ctx: RequestContext, @Parent() version: PromptVersion & { includes: string[] }) {
    return this.prompts.includesOf(ctx, version);
  }

  @ResolveField(() => PromptVersionConnection, { description: 'Versions of prompts that include this one, by its number or by a label that names it now: the newest first.' })
  includedBy(@Ctx() ctx: RequestContext, @Parent() { id }: PromptVersion, @Args() { first, after }: PageArgs) {
    return this.included.includedBy(ctx, id, { first, after: after ?? null });
  }
}

@Resolver(() => Prompt)
export class PromptResolver {
  constructor(private readonly service: PromptService) {}

  @Query(() => PromptConnection, { description: 'By default newest first.' })
  prompts(@Ctx() ctx: RequestContext, @Args() args: PromptsArgs) {
    return this.service.list(ctx, args);
  }

  @ResolveReference()
  resolveReference(@Ctx() ctx: RequestContext, @Parent() { id }: Prompt) {
    return this.service.load(ctx, id);
  }

  @ResolveField(() => PromptVersionConnection, { description: 'By default newest first.' })
  versions(@Ctx() ctx: RequestContext, @Parent() prompt: Prompt, @Args() args: PromptVersionsArgs) {
    return this.service.listVersions(ctx, prompt.id, args);
  }
}
