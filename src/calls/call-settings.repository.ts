import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { CallSettingsEntity } from './call.entity.js';

@Injectable()
export class CallSettingsRepository {
  constructor(private readonly database: Database) {}

  /** Without a context for the writer of the log, which serves all projects. */
  find(projectId: string, ctx?: RequestContext): Promise<CallSettingsEntity | null> {
    return (ctx ? this.database.manager(ctx) : this.database.platform).findOneBy(CallSettingsEntity, { projectId });
  }

  async save(tx: RequestContext, settings: Pick<CallSettingsEntity, 'mode' | 'retentionDays' | 'redactions'>): Promise<void> {
    await this.database.manager(tx).createQueryBuilder().insert().into(CallSettingsEntity)
      .values({ ...settings, projectId: tx.projectId, updatedBy: tx.principal, updatedAt: () => 'now()' })
      .orUpdate(['mode', 'retention_days', 'redactions', 'updated_by', 'updated_at'], ['project_id']).execute();
  }
}
