import { Injectable } from '@nestjs/common';
import { In, IsNull, LessThan, Not } from 'typeorm';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { EventEntity, WebhookDeliveryEntity, WebhookEndpointEntity } from './webhook.entity.js';

/** A lapse of a message is noticed this long after it was due. */
const OVERDUE = "now() - interval '30 seconds'";

@Injectable()
export class WebhookRepository {
  constructor(private readonly database: Database) {}

  async addEvent(ctx: RequestContext, event: Pick<EventEntity, 'id' | 'type' | 'data'>): Promise<void> {
    await this.database.manager(ctx).insert(EventEntity, { ...event, projectId: ctx.projectId });
  }

  /** Takes an event for fan-out. @returns null when that was done before. */
  async takeForFanOut(ctx: RequestContext, id: string): Promise<EventEntity | null> {
    const manager = this.database.manager(ctx);
    const key = { id, projectId: ctx.projectId };
    const taken = await manager.update(EventEntity, { ...key, fannedOutAt: IsNull() }, { fannedOutAt: () => 'now()' });
    return taken.affected === 1 ? manager.findOneByOrFail(EventEntity, key) : null;
  }

  /** Events, of any project, whose fan-out should have happened. */
  eventsNotFannedOut(limit: number): Promise<Pick<EventEntity, 'id' | 'projectId'>[]> {
    return this.database.platform.createQueryBuilder(EventEntity, 'event').select(['event.id', 'event.projectId'])
      .where(`event.fannedOutAt IS NULL AND event.createdAt < ${OVERDUE}`).orderBy('event.createdAt').limit(limit).getMany();
  }

  /** Puts off by nothing the deliveries, of any project, that are overdue, so that each is found once per lapse. */
  async takeOverdue(ctx: Pick<RequestContext, 'tx'>, limit: number): Promise<Pick<WebhookDeliveryEntity, 'id' | 'projectId'>[]> {
    const manager = ctx.tx ?? this.database.platform;
    const overdue = await manager.createQueryBuilder(WebhookDeliveryEntity, 'delivery').select(['delivery.id', 'delivery.projectId'])
      .where(`delivery.status = 'pending' AND delivery.nextAttemptAt < ${OVERDUE}`).orderBy('delivery.nextAttemptAt').limit(limit)
      .setLock('pessimistic_write').setOnLocked('skip_locked').getMany();
    if (overdue.length > 0) await manager.update(WebhookDeliveryEntity, { id: In(overdue.map(({ id }) => id)) }, { nextAttemptAt: () => 'now()' });
    return overdue;
  }

  async addEndpoint(ctx: RequestContext, endpoint: Pick<WebhookEndpointEntity, 'id' | 'url' | 'eventTypes' | 'encryptedSecret'>): Promise<WebhookEndpointEntity> {
    return this.database.manager(ctx).save(WebhookEndpointEntity, { ...endpoint, projectId: ctx.projectId });
  }

  findEndpoint(ctx: RequestContext, id: string): Promise<WebhookEndpointEntity | null> {
    return this.database.manager(ctx).findOneBy(WebhookEndpointEntity, { id, projectId: ctx.projectId });
  }

  listEndpoints(ctx: RequestContext, first: number, beforeId: string | null): Promise<WebhookEndpointEntity[]> {
    return this.database.manager(ctx).find(WebhookEndpointEntity, {
      where: { projectId: ctx.projectId, ...(beforeId === null ? {} : { id: LessThan(beforeId) }) }, order: { id: 'DESC' }, take: first + 1,
    });
  }

  /** The enabled endpoints that want events of a type. */
  endpointsWanting(ctx: RequestContext, type: string): Promise<WebhookEndpointEntity[]> {
    return this.database.manager(ctx).createQueryBuilder(WebhookEndpointEntity, 'endpoint')
      .where({ projectId: ctx.projectId, disabledAt: IsNull() })
      .andWhere("(endpoint.eventTypes = '{}' OR :type = ANY(endpoint.eventTypes))", { type }).getMany();
  }

  async disableEndpoint(ctx: RequestContext, id: string, reason: string): Promise<void> {
    await this.database.manager(ctx).update(WebhookEndpointEntity,
      { id, projectId: ctx.projectId, disabledAt: IsNull() }, { disabledAt: () => 'now()', disabledReason: reason });
  }

  async enableEndpoint(ctx: RequestContext, id: string): Promise<void> {
    await this.database.manager(ctx).update(WebhookEndpointEntity,
      { id, projectId: ctx.projectId }, { disabledAt: null, disabledReason: null, failingSince: null });
  }

  async endpointSucceeded(ctx: RequestContext, id: string): Promise<void> {
    await this.database.manager(ctx).update(WebhookEndpointEntity, { id, projectId: ctx.projectId, failingSince: Not(IsNull()) }, { failingSince: null });
  }

  /** @returns for how many days every attempt has failed. */
  async endpointFailed(ctx: RequestContext, id: string): Promise<number> {
    const manager = this.database.manager(ctx);
    await manager.update(WebhookEndpointEntity, { id, projectId: ctx.projectId, failingSince: IsNull() }, { failingSince: () => 'now()' });
    const found = await manager.createQueryBuilder(WebhookEndpointEntity, 'endpoint')
      .select('extract(epoch FROM now() - endpoint.failingSince) / 86400', 'days').where({ id, projectId: ctx.projectId }).getRawOne<{ days: string }>();
    return Number(found?.days ?? 0);
  }

  async addDeliveries(ctx: RequestContext, deliveries: Pick<WebhookDeliveryEntity, 'id' | 'eventId' | 'endpointId'>[]): Promise<void> {
    if (deliveries.length === 0) return;
    await this.database.manager(ctx).insert(WebhookDeliveryEntity, deliveries.map((delivery) => ({ ...delivery, projectId: ctx.projectId })));
  }

  findDelivery(ctx: RequestContext, id: string): Promise<WebhookDeliveryEntity | null> {
    return this.database.manager(ctx).findOneBy(WebhookDeliveryEntity, { id, projectId: ctx.projectId });
  }

  listDeliveries(ctx: RequestContext, endpointId: string, first: number, beforeId: string | null): Promise<WebhookDeliveryEntity[]> {
    return this.database.manager(ctx).find(WebhookDeliveryEntity, {
      where: { projectId: ctx.projectId, endpointId, ...(beforeId === null ? {} : { id: LessThan(beforeId) }) }, order: { id: 'DESC' }, take: first + 1,
    });
  }

  findEvents(ctx: RequestContext, ids: string[]): Promise<EventEntity[]> {
    return this.database.manager(ctx).findBy(EventEntity, { projectId: ctx.projectId, id: In(ids) });
  }
}
