import { Injectable } from '@nestjs/common';
import { LessThan, MoreThan } from 'typeorm';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { DatasetVersionEntity, FileEntity } from './dataset.entity.js';

export interface FileQuery {
  after: string | null;
  limit: number;
  order: 'asc' | 'desc';
  purpose: string | null;
}

@Injectable()
export class FileRepository {
  constructor(private readonly database: Database) {}

  add(ctx: RequestContext, file: Omit<FileEntity, 'projectId' | 'createdAt'>): Promise<FileEntity> {
    return this.database.manager(ctx).save(FileEntity, { ...file, projectId: ctx.projectId });
  }

  find(ctx: RequestContext, id: string): Promise<FileEntity | null> {
    return this.database.manager(ctx).findOneBy(FileEntity, { projectId: ctx.projectId, id });
  }

  /** The file, held against deletion (`share`) or for it (`update`) until the transaction ends. */
  lock(ctx: RequestContext, id: string, mode: 'share' | 'update'): Promise<FileEntity | null> {
    return this.database.manager(ctx).findOne(FileEntity, {
      where: { projectId: ctx.projectId, id }, lock: { mode: mode === 'share' ? 'pessimistic_read' : 'pessimistic_write' },
    });
  }

  /** One more than `limit`, so that the caller sees whether there are more. */
  list(ctx: RequestContext, { after, limit, order, purpose }: FileQuery): Promise<FileEntity[]> {
    return this.database.manager(ctx).find(FileEntity, {
      where: {
        projectId: ctx.projectId, ...(purpose === null ? {} : { purpose }),
        ...(after === null ? {} : { id: order === 'desc' ? LessThan(after) : MoreThan(after) }),
      },
      order: { id: order }, take: limit + 1,
    });
  }

  /** A data set version made from the file; a sealed one first. */
  versionOf(ctx: RequestContext, fileId: string): Promise<DatasetVersionEntity | null> {
    return this.database.manager(ctx).findOne(DatasetVersionEntity, { where: { projectId: ctx.projectId, fileId }, order: { sealed: 'DESC' } });
  }

  async remove(ctx: RequestContext, id: string): Promise<void> {
    await this.database.manager(ctx).delete(FileEntity, { projectId: ctx.projectId, id });
  }
}
