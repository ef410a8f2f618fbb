import { Injectable } from '@nestjs/common';
import { In, Not } from 'typeorm';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { PromptProtectedLabelEntity } from './prompt.entity.js';

@Injectable()
export class ProtectedLabelRepository {
  constructor(private readonly database: Database) {}

  /** Sorted. */
  async list(ctx: RequestContext): Promise<string[]> {
    return (await this.database.manager(ctx).find(PromptProtectedLabelEntity, { where: { projectId: ctx.projectId }, order: { label: 'ASC' } })).map(({ label }) => label);
  }

  /** In the caller's transaction, protects these and no others. */
  async set(tx: RequestContext, labels: string[]): Promise<void> {
    const manager = this.database.manager(tx);
    await manager.delete(PromptProtectedLabelEntity, { projectId: tx.projectId, label: Not(In(labels)) });
    if (labels.length === 0) return;
    await manager.createQueryBuilder().insert().into(PromptProtectedLabelEntity).values(labels.map((label) => ({ projectId: tx.projectId, label }))).orIgnore().execute();
  }
}
