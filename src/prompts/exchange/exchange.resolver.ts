import { Args, Mutation, Query, Resolver } from '@nestjs/graphql';
import { Ctx } from '../../auth/carrier.js';
import type { RequestContext } from '../../common/request-context.js';
import { ExportPromptsArgs, ImportedPrompt, ImportPromptsInput, PromptFileConnection } from './exchange.types.js';
import { PromptExportService } from './prompt-export.service.js';
import { PromptImportService } from './prompt-import.service.js';

/** Prompts as files, for review in Git and from other systems. */
@Resolver()
export class PromptExchangeResolver {
  constructor(
    private readonly exports: PromptExportService,
    private readonly imports: PromptImportService,
  ) {}

  @Query(() => PromptFileConnection, { description: 'Prompts as Markdown files that importPrompts takes; docs/guides/prompts.md says how they look. Errors: bad_input.' })
  exportPrompts(@Ctx() ctx: RequestContext, @Args() { label, ...args }: ExportPromptsArgs) {
    return this.exports.export(ctx, args, label);
  }

  @Mutation(() => [ImportedPrompt], { description: 'Brings prompts to what files say, all or none; what says the same as a version makes no new one. Errors, with file and line: bad_input, not_found, conflict, forbidden (a protected label).' })
  importPrompts(@Ctx() ctx: RequestContext, @Args('input') { files, dryRun, commitMessage }: ImportPromptsInput) {
    return this.imports.import(ctx, files, { dryRun, commitMessage: commitMessage ?? null });
  }
}
