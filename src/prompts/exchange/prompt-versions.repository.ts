import { Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import type { RequestContext } from '../../common/request-context.js';
import { Database } from '../../database/database.js';
import { PromptEntity, PromptLabelEntity, PromptVersionEntity } from '../prompt.entity.js';

@Injectable()
export class PromptVersionsRepository {
  constructor(private readonly database: Database) {}

  /** The newest `limit` versions, the oldest of them first. */
  async newest(ctx: RequestContext, promptId: string, limit: number): Promise<PromptVersionEntity[]> {
    return (await this.database.manager(ctx).find(PromptVersionEntity, { where: { projectId: ctx.projectId, promptId }, order: { version: 'DESC' }, take: limit })).reverse();
  }

  /** The newest first. */
  numbered(ctx: RequestContext, promptId: string, numbers: number[]): Promise<PromptVersionEntity[]> {
    return this.database.manager(ctx).find(PromptVersionEntity, { where: { projectId: ctx.projectId, promptId, version: In(numbers) }, order: { version: 'DESC' } });
  }

  /** Of each prompt the version that carries a label, which may be `latest`. */
  labelled(ctx: RequestContext, promptIds: readonly string[], label: string): Promise<PromptVersionEntity[]> {
    const query = this.database.manager(ctx).createQueryBuilder(PromptVersionEntity, 'version')
      .innerJoin(PromptEntity, 'prompt', 'prompt.id = version.promptId')
      .where('version.projectId = :projectId AND version.promptId = ANY(:promptIds)', { projectId: ctx.projectId, promptIds });
    if (label === 'latest') query.andWhere('version.version = prompt.latestVersion');
    else query.innerJoin(PromptLabelEntity, 'label', 'label.promptId = version.promptId AND label.version = version.version AND label.label = :label', { label });
    return query.getMany();
  }
}
