import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import { contentOf, sameContent } from './prompt-content.js';
import { type JsonChange, jsonChanges, type MessageChange, MessageDiff } from './prompt-diff.js';
import type { PromptVersionEntity } from './prompt.entity.js';
import { PromptService } from './prompt.service.js';

export interface Difference {
  from: PromptVersionEntity;
  to: PromptVersionEntity;
  equal: boolean;
  messages: MessageChange[];
  config: JsonChange[];
  inputSchema: JsonChange[];
  addedTags: string[];
  removedTags: string[];
}

@Injectable()
export class PromptDiffService {
  constructor(private readonly prompts: PromptService) {}

  /**
   * How one version differs from another, of the same prompt or not.
   * @throws DomainError bad_reference, not_found.
   */
  async compare(ctx: RequestContext, fromRef: string, toRef: string): Promise<Difference> {
    const [from, to] = await Promise.all([this.prompts.resolve(ctx, fromRef), this.prompts.resolve(ctx, toRef)]);
    const [before, after] = [contentOf(from), contentOf(to)];
    return {
      from, to, equal: sameContent(before, after),
      messages: new MessageDiff(before.messages, after.messages).changes(),
      config: jsonChanges(before.config, after.config),
      inputSchema: jsonChanges(from.inputSchema, to.inputSchema),
      addedTags: after.tags.filter((tag) => !before.tags.includes(tag)),
      removedTags: before.tags.filter((tag) => !after.tags.includes(tag)),
    };
  }
}
