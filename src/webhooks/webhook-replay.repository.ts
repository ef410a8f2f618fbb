import { Injectable } from '@nestjs/common';
import { In, IsNull, type SelectQueryBuilder } from 'typeorm';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { EventEntity, WebhookReplayEntity } from './webhook.entity.js';

/** A replay whose last batch is older than this has lost its message. */
const STALLED = "now() - interval '30 seconds'";

/** The events of a replay. */
export type ReplayRange = Pick<WebhookReplayEntity, 'endpointId' | 'since' | 'until' | 'eventTypes'>;

@Injectable()
export class WebhookReplayRepository {
  constructor(private readonly database: Database) {}

  countEvents(ctx: RequestContext, range: ReplayRange): Promise<number> {
    return this.events(ctx, range).getCount();
  }

  /** The next events of a replay, oldest first. @returns their ids. */
  async nextEvents(ctx: RequestContext, replay: WebhookReplayEntity, limit: number): Promise<string[]> {
    const query = this.events(ctx, replay).select('event.id', 'id').orderBy('event.createdAt').addOrderBy('event.id').limit(limit);
    // Compared in Postgres: a Date has no microseconds.
    if (replay.lastEventId !== null) query.andWhere('(event.created_at, event.id) > (SELECT last.created_at, last.id FROM events last WHERE last.id = :last)', { last: replay.lastEventId });
    return (await query.getRawMany<{ id: string }>()).map(({ id }) => id);
  }

  add(ctx: RequestContext, replay: ReplayRange & Pick<WebhookReplayEntity, 'id' | 'events'>): Promise<WebhookReplayEntity> {
    return this.database.manager(ctx).save(WebhookReplayEntity, { ...replay, projectId: ctx.projectId });
  }

  find(ctx: RequestContext, id: string): Promise<WebhookReplayEntity | null> {
    return this.database.manager(ctx).findOneBy(WebhookReplayEntity, { id, projectId: ctx.projectId });
  }

  /** The replay, locked until the transaction ends, or null when it is over. */
  lockUnfinished(ctx: RequestContext, id: string): Promise<WebhookReplayEntity | null> {
    return this.database.manager(ctx).findOne(WebhookReplayEntity, { where: { id, projectId: ctx.projectId, finishedAt: IsNull() }, lock: { mode: 'pessimistic_write' } });
  }

  /** Notes a batch. @param events its ids, in order */
  async advance(ctx: RequestContext, { id, replayed, lastEventId }: WebhookReplayEntity, events: string[], finished: boolean): Promise<void> {
    await this.database.manager(ctx).update(WebhookReplayEntity, { id, projectId: ctx.projectId }, {
      replayed: replayed + events.length, lastEventId: events.at(-1) ?? lastEventId, progressAt: () => 'now()', ...(finished && { finishedAt: () => 'now()' }),
    });
  }

  /** Replays, of any project, that stand still; each is found once per lapse. */
  async takeStalled(ctx: Pick<RequestContext, 'tx'>, limit: number): Promise<Pick<WebhookReplayEntity, 'id' | 'projectId'>[]> {
    const manager = ctx.tx ?? this.database.platform;
    const stalled = await manager.createQueryBuilder(WebhookReplayEntity, 'replay').select(['replay.id', 'replay.projectId'])
      .where(`replay.finishedAt IS NULL AND replay.progressAt < ${STALLED}`).orderBy('replay.progressAt').limit(limit)
      .setLock('pessimistic_write').setOnLocked('skip_locked').getMany();
    if (stalled.length > 0) await manager.update(WebhookReplayEntity, { id: In(stalled.map(({ id }) => id)) }, { progressAt: () => 'now()' });
    return stalled;
  }

  private events(ctx: RequestContext, { endpointId, since, until, eventTypes }: ReplayRange): SelectQueryBuilder<EventEntity> {
    const query = this.database.manager(ctx).createQueryBuilder(EventEntity, 'event').where({ projectId: ctx.projectId })
      .andWhere('event.createdAt >= :since AND event.createdAt < :until', { since, until })
      .andWhere('(event.endpointId IS NULL OR event.endpointId = :endpointId)', { endpointId });
    return eventTypes.length > 0 ? query.andWhere('event.type IN (:...eventTypes)', { eventTypes }) : query;
  }
}
