import { Args, Query, Resolver } from '@nestjs/graphql';
import { Ctx } from '../auth/carrier.js';
import type { RequestContext } from '../common/request-context.js';
import { PromptDiffService } from './prompt-diff.service.js';
import { PromptDiff } from './prompt-diff.types.js';

@Resolver()
export class PromptDiffResolver {
  constructor(private readonly diffs: PromptDiffService) {}

  @Query(() => PromptDiff, { description: 'How one version differs from another, word by word. Errors: bad_reference, not_found.' })
  promptDiff(
    @Ctx() ctx: RequestContext,
    @Args('from', { description: '`prompts:/name/3`, `prompts:/name@label` or `prompts:/name`.' }) from: string,
    @Args('to', { description: 'As `from`; it may be of another prompt.' }) to: string,
  ) {
    return this.diffs.compare(ctx, from, to);
  }
}
