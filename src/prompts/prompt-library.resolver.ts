import { Args, Int, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { Ctx } from '../auth/carrier.js';
import { RequiresRole } from '../auth/requires-role.js';
import { PageArgs } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { LineageService } from '../models/lineage.service.js';
import { PromptFolder, PromptFolderConnection, PromptLabel, PromptUse } from './prompt-library.types.js';
import { PromptLibraryService } from './prompt-library.service.js';
import { PromptService } from './prompt.service.js';
import { Prompt, PromptConnection, PromptsArgs, PromptVersion } from './prompt.types.js';
import { ProtectedLabelService } from './protected-label.service.js';

/** How prompts are kept: folders, tags, archive, labels that not everyone moves. */
@Resolver(() => Prompt)
export class PromptLibraryResolver {
  constructor(
    private readonly library: PromptLibraryService,
    private readonly prompts: PromptService,
    private readonly protectedLabels: ProtectedLabelService,
  ) {}

  @Query(() => PromptFolder, { description: 'A folder, to look into; one that holds nothing is empty. Errors: bad_input.' })
  promptFolder(@Args('path', { defaultValue: '', description: 'Such as `house/lights`; empty for the root.' }) path: string) {
    return this.library.folder(path);
  }

  @Query(() => [String], { description: 'Labels that only deployers may move, sorted.' })
  protectedPromptLabels(@Ctx() ctx: RequestContext) {
    return this.protectedLabels.list(ctx);
  }

  @Mutation(() => [String], { description: 'Lets only deployers move these labels, and everyone with the role editor all others. Errors: bad_input.' })
  @RequiresRole('admin')
  setProtectedPromptLabels(@Ctx() ctx: RequestContext, @Args('labels', { type: () => [String] }) labels: string[]) {
    return this.protectedLabels.set(ctx, labels);
  }

  @Mutation(() => Prompt, { description: 'Changes what is not of a version; what is not given stays. Errors: bad_input, not_found, conflict.' })
  updatePrompt(
    @Ctx() ctx: RequestContext,
    @Args('name') name: string,
    @Args('description', { type: () => String, nullable: true, description: 'null takes it away.' }) description?: string | null,
    @Args('tags', { type: () => [String], nullable: true, description: 'In place of those there are.' }) tags?: string[] | null,
  ) {
    return this.library.update(ctx, name, { description, tags });
  }

  @Mutation(() => Prompt, { description: 'Puts a prompt out of sight: not listed, and nothing about it changes until it is taken back. Whoever fetches it by version or label still gets it. Errors: not_found.' })
  archivePrompt(@Ctx() ctx: RequestContext, @Args('name') name: string) {
    return this.library.setArchived(ctx, name, true);
  }

  @Mutation(() => Prompt, { description: 'Takes a prompt back from the archive. Errors: not_found.' })
  unarchivePrompt(@Ctx() ctx: RequestContext, @Args('name') name: string) {
    return this.library.setArchived(ctx, name, false);
  }

  @Mutation(() => Prompt, { description: 'Takes labels off a prompt; to fetch it by one of them is then an error. Errors: bad_input, not_found, conflict (such as while prompts include it by one of them), forbidden (a protected one).' })
  removePromptLabels(@Ctx() ctx: RequestContext, @Args('name') name: string, @Args('labels', { type: () => [String] }) labels: string[]) {
    return this.prompts.removeLabels(ctx, name, labels);
  }

  @ResolveField(() => [PromptLabel], { description: 'Its labels, sorted; `latest` is not among them, as it is always on the newest version.' })
  labels(@Ctx() ctx: RequestContext, @Parent() prompt: Prompt) {
    return this.prompts.loadLabels(ctx, prompt.id);
  }
}

@Resolver(() => PromptFolder)
export class PromptFolderResolver {
  constructor(private readonly library: PromptLibraryService) {}

  @ResolveField(() => Int, { description: 'How many prompts are in it, at any depth, without archived ones.' })
  promptCount(@Ctx() ctx: RequestContext, @Parent() { path }: PromptFolder) {
    return this.library.countIn(ctx, path);
  }

  @ResolveField(() => PromptFolderConnection, { description: 'Folders in it, by name.' })
  folders(@Ctx() ctx: RequestContext, @Parent() { path }: PromptFolder, @Args() { first, after }: PageArgs) {
    return this.library.subfolders(ctx, path, { first, after: after ?? null });
  }

  @ResolveField(() => PromptConnection, { description: 'Prompts in the folder itself. By default newest first.' })
  prompts(@Ctx() ctx: RequestContext, @Parent() { path }: PromptFolder, @Args() args: PromptsArgs) {
    return this.library.promptsIn(ctx, path, args);
  }
}

@Resolver(() => PromptVersion)
export class PromptUseResolver {
  constructor(
    private readonly lineage: LineageService,
    private readonly prompts: PromptService,
  ) {}

  @ResolveField(() => [PromptUse], { description: 'What came of this version, by type: jobs, runs, data sets, models, deployments.' })
  use(@Ctx() ctx: RequestContext, @Parent() { id }: PromptVersion) {
    return this.lineage.useOf(ctx, id);
  }

  @ResolveField(() => Prompt, { description: 'What it is a version of.' })
  prompt(@Ctx() ctx: RequestContext, @Parent() { promptId }: PromptVersion) {
    return this.prompts.load(ctx, promptId);
  }
}
