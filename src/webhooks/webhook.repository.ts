import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { EventEntity } from './webhook.entity.js';

@Injectable()
export class WebhookRepository {
  constructor(private readonly database: Database) {}

  async addEvent(ctx: RequestContext, event: Pick<EventEntity, 'id' | 'type' | 'data'>): Promise<void> {
    await this.database.manager(ctx).insert(EventEntity, { ...event, projectId: ctx.projectId });
  }
}
