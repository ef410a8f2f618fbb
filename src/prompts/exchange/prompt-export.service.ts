import { Injectable } from '@nestjs/common';
import { type Page, pageOf } from '../../common/pagination.js';
import { checkLabel } from '../../common/references.js';
import type { RequestContext } from '../../common/request-context.js';
import { contentOf } from '../prompt-content.js';
import type { PromptEntity, PromptVersionEntity } from '../prompt.entity.js';
import type { PromptListArgs } from '../prompt.repository.js';
import { PromptService } from '../prompt.service.js';
import type { PromptFile } from './imported.js';
import { writePromptFile } from './prompt-file.js';
import { PromptVersionsRepository } from './prompt-versions.repository.js';

@Injectable()
export class PromptExportService {
  constructor(
    private readonly prompts: PromptService,
    private readonly versions: PromptVersionsRepository,
  ) {}

  /** A page of prompts as files, each in the version that carries the label, which may be `latest`; those without one are left out. */
  async export(ctx: RequestContext, args: PromptListArgs, label: string): Promise<Page<PromptFile>> {
    checkLabel(label);
    const { edges, pageInfo } = await this.prompts.list(ctx, args);
    const versions = new Map((await this.versions.labelled(ctx, edges.map(({ node }) => node.id), label)).map((version) => [version.promptId, version]));
    const files = await Promise.all(edges.map(async ({ cursor, node }) => {
      const version = versions.get(node.id);
      return version ? [{ cursor, node: await this.fileOf(ctx, node, version) }] : [];
    }));
    return { ...pageOf(files.flat(), pageInfo), pageInfo };
  }

  private async fileOf(ctx: RequestContext, prompt: PromptEntity, version: PromptVersionEntity): Promise<PromptFile> {
    const labels = (await this.prompts.loadLabels(ctx, prompt.id))!.filter((each) => each.version === version.version).map((each) => each.label);
    return writePromptFile({ ...contentOf(version), name: prompt.name, labels, commitMessage: version.commitMessage, description: prompt.description, promptTags: prompt.tags });
  }
}
