import { Injectable } from '@nestjs/common';
import type { QueryDeepPartialEntity } from 'typeorm';
import type { CreatedFilter, ListArgs, Page } from '../../common/pagination.js';
import type { RequestContext } from '../../common/request-context.js';
import { Database } from '../../database/database.js';
import { byCreation, created, keysetPage, narrow } from '../../database/keyset.js';
import { InboundMessageEntity, type InboundProvider, InboundWebhookEntity } from './inbound-webhook.entity.js';

export type InboundListArgs = ListArgs<CreatedFilter & { provider?: InboundProvider | null }, 'created_at'>;

@Injectable()
export class InboundWebhookRepository {
  constructor(private readonly database: Database) {}

  add(ctx: RequestContext, inbound: Pick<InboundWebhookEntity, 'id' | 'provider' | 'description' | 'encryptedSecret'>): Promise<InboundWebhookEntity> {
    return this.database.manager(ctx).save(InboundWebhookEntity, { ...inbound, projectId: ctx.projectId });
  }

  find(ctx: RequestContext, id: string): Promise<InboundWebhookEntity | null> {
    return this.database.manager(ctx).findOneBy(InboundWebhookEntity, { id, projectId: ctx.projectId });
  }

  /** The row, locked until the transaction ends. */
  lock(ctx: RequestContext, id: string): Promise<InboundWebhookEntity | null> {
    return this.database.manager(ctx).findOne(InboundWebhookEntity, { where: { id, projectId: ctx.projectId }, lock: { mode: 'pessimistic_write' } });
  }

  /** Of any project: its sender knows the id and has no key. */
  findForSender(provider: string, id: string): Promise<InboundWebhookEntity | null> {
    return this.database.platform.createQueryBuilder(InboundWebhookEntity, 'inbound').where('inbound.id = :id AND inbound.provider = :provider', { id, provider }).getOne();
  }

  list(ctx: RequestContext, args: InboundListArgs): Promise<Page<InboundWebhookEntity>> {
    const query = this.database.manager(ctx).createQueryBuilder(InboundWebhookEntity, 'inbound').where({ projectId: ctx.projectId });
    narrow(query, { 'inbound.provider = :value': args.filter?.provider, ...created('inbound', args.filter) });
    return keysetPage(query, { created_at: byCreation('inbound') }, args);
  }

  async update(ctx: RequestContext, id: string, set: QueryDeepPartialEntity<InboundWebhookEntity>): Promise<void> {
    await this.database.manager(ctx).update(InboundWebhookEntity, { id, projectId: ctx.projectId }, set);
  }

  /** With the record of its messages; events stay. @returns whether there was one. */
  async remove(ctx: RequestContext, id: string): Promise<boolean> {
    const manager = this.database.manager(ctx);
    const removed = await manager.delete(InboundWebhookEntity, { id, projectId: ctx.projectId });
    await manager.delete(InboundMessageEntity, { inboundWebhookId: id, projectId: ctx.projectId });
    return removed.affected === 1;
  }

  /** Takes a message. @returns false when it was taken before; a second taker waits until the first has committed. */
  async take(ctx: RequestContext, inboundWebhookId: string, webhookId: string): Promise<boolean> {
    const { raw } = await this.database.manager(ctx).createQueryBuilder().insert().into(InboundMessageEntity)
      .values({ inboundWebhookId, webhookId, projectId: ctx.projectId }).orIgnore().returning('webhook_id').execute() as { raw: unknown[] };
    return raw.length === 1;
  }
}
