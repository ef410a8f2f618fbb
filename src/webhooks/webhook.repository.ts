import { Injectable } from '@nestjs/common';
import { In, IsNull, Not, type QueryDeepPartialEntity, type SelectQueryBuilder } from 'typeorm';
import { firstIdAt } from '../common/ids.js';
import type { CreatedFilter, ListArgs, Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { byCreation, created, keysetPage, narrow, type SortKeys } from '../database/keyset.js';
import type { SecretColumns } from './signing-secrets.js';
import { type DeliveryAttempt, type DeliveryStatus, EventEntity, WebhookDeliveryEntity, WebhookEndpointEntity, WebhookReplayEntity } from './webhook.entity.js';

/** A lapse of a message is noticed this long after it was due. */
const OVERDUE = "now() - interval '30 seconds'";

export type DeliveryWithEvent = WebhookDeliveryEntity & { event: EventEntity };
/** All that an attempt needs; an endpoint may have been deleted. */
export type DeliveryToAttempt = Pick<WebhookDeliveryEntity, 'id' | 'endpointId' | 'status' | 'attempts' | 'attemptsBefore'> & {
  event: Pick<EventEntity, 'id' | 'type' | 'version' | 'data' | 'createdAt'>;
  /** When this was read, by the database's clock. */
  readAt: Date;
  endpoint: SecretColumns & Pick<WebhookEndpointEntity, 'url' | 'disabledAt' | 'failingSince'> | null;
};

interface AttemptRow {
  endpoint_id: string; status: DeliveryStatus; attempts: DeliveryAttempt[]; attempts_before: number;
  event_id: string; type: string; version: number; data: object; created_at: Date;
  encrypted_secret: string; previous_encrypted_secret: string | null; previous_secret_until: Date | null;
  disabled_at: Date | null; failing_since: Date | null; read_at: Date;
}

export type EndpointListArgs = ListArgs<CreatedFilter & { disabled?: boolean | null }, 'created_at' | 'url'>;
export type DeliveryListArgs = ListArgs<{ status?: DeliveryStatus | null; eventType?: string | null; since?: Date | null; until?: Date | null }, 'created_at'>;

const ENDPOINT_ORDERS: SortKeys<WebhookEndpointEntity, 'created_at' | 'url'> = {
  created_at: byCreation('endpoint'),
  url: { sql: 'endpoint.url', of: ({ url }) => url, type: 'text' },
};

@Injectable()
export class WebhookRepository {
  constructor(private readonly database: Database) {}

  async addEvent(ctx: RequestContext, event: Pick<EventEntity, 'id' | 'type' | 'version' | 'data' | 'endpointId'>): Promise<void> {
    // What is for one endpoint is not fanned out.
    const fannedOutAt = event.endpointId === null ? null : () => 'now()';
    await this.database.manager(ctx).insert(EventEntity, { ...event, projectId: ctx.projectId, fannedOutAt });
  }

  /** Takes an event for fan-out. @returns its type, or null when that was done before. */
  async takeForFanOut(ctx: RequestContext, id: string): Promise<string | null> {
    const { raw } = await this.database.manager(ctx).createQueryBuilder().update(EventEntity).set({ fannedOutAt: () => 'now()' })
      .where({ id, projectId: ctx.projectId, fannedOutAt: IsNull() }).returning('type').execute() as { raw: { type: string }[] };
    return raw[0]?.type ?? null;
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

  addEndpoint(ctx: RequestContext, endpoint: Pick<WebhookEndpointEntity, 'id' | 'url' | 'description' | 'eventTypes' | 'encryptedSecret'>): Promise<WebhookEndpointEntity> {
    return this.database.manager(ctx).save(WebhookEndpointEntity, { ...endpoint, projectId: ctx.projectId });
  }

  async updateEndpoint(ctx: RequestContext, id: string, set: QueryDeepPartialEntity<WebhookEndpointEntity>): Promise<void> {
    await this.database.manager(ctx).update(WebhookEndpointEntity, { id, projectId: ctx.projectId }, set);
  }

  /** With its deliveries and replays; events stay. */
  async deleteEndpoint(ctx: RequestContext, id: string): Promise<void> {
    const manager = this.database.manager(ctx);
    // In the order in which a replay locks them.
    await manager.delete(WebhookReplayEntity, { endpointId: id, projectId: ctx.projectId });
    await manager.delete(WebhookEndpointEntity, { id, projectId: ctx.projectId });
    await manager.delete(WebhookDeliveryEntity, { endpointId: id, projectId: ctx.projectId });
  }

  findEndpoint(ctx: RequestContext, id: string): Promise<WebhookEndpointEntity | null> {
    return this.database.manager(ctx).findOneBy(WebhookEndpointEntity, { id, projectId: ctx.projectId });
  }

  /** The endpoint, locked until the transaction ends. */
  lockEndpoint(ctx: RequestContext, id: string): Promise<WebhookEndpointEntity | null> {
    return this.database.manager(ctx).findOne(WebhookEndpointEntity, { where: { id, projectId: ctx.projectId }, lock: { mode: 'pessimistic_write' } });
  }

  listEndpoints(ctx: RequestContext, args: EndpointListArgs): Promise<Page<WebhookEndpointEntity>> {
    const query = this.database.manager(ctx).createQueryBuilder(WebhookEndpointEntity, 'endpoint').where({ projectId: ctx.projectId });
    narrow(query, { '(endpoint.disabledAt IS NOT NULL) = :value': args.filter?.disabled, ...created('endpoint', args.filter) });
    return keysetPage(query, ENDPOINT_ORDERS, args);
  }

  /** Ids of the enabled endpoints that want events of a type. */
  async endpointsWanting(ctx: RequestContext, type: string): Promise<string[]> {
    const endpoints = await this.database.manager(ctx).createQueryBuilder(WebhookEndpointEntity, 'endpoint').select('endpoint.id')
      .where({ projectId: ctx.projectId, disabledAt: IsNull() })
      .andWhere("(endpoint.eventTypes = '{}' OR :type = ANY(endpoint.eventTypes))", { type }).getMany();
    return endpoints.map(({ id }) => id);
  }

  /** @returns when, or null when it was disabled before. */
  async disableEndpoint(ctx: RequestContext, id: string, reason: string): Promise<Date | null> {
    const { raw } = await this.database.manager(ctx).createQueryBuilder().update(WebhookEndpointEntity)
      .set({ disabledAt: () => 'now()', disabledReason: reason }).where({ id, projectId: ctx.projectId, disabledAt: IsNull() })
      .returning('disabled_at').execute() as { raw: { disabled_at: Date }[] };
    return raw[0]?.disabled_at ?? null;
  }

  async endpointSucceeded(ctx: RequestContext, id: string): Promise<void> {
    await this.database.manager(ctx).update(WebhookEndpointEntity, { id, projectId: ctx.projectId, failingSince: Not(IsNull()) }, { failingSince: null });
  }

  /** Locks the endpoint. @returns for how many days every attempt has failed. */
  async endpointFailed(ctx: RequestContext, id: string): Promise<number> {
    const { raw } = await this.database.manager(ctx).createQueryBuilder().update(WebhookEndpointEntity)
      .set({ failingSince: () => 'coalesce(failing_since, now())' }).where({ id, projectId: ctx.projectId })
      .returning('extract(epoch FROM now() - failing_since) / 86400 AS days').execute() as { raw: { days: string }[] };
    return Number(raw[0]?.days ?? 0);
  }

  /**
   * Deletes, of any project, what ended before a time: deliveries, then events that none is left of, and the ids of messages
   * that came in.
   * @param limit of each kind
   * @returns how many rows
   */
  async forgetBefore(time: Date, limit: number): Promise<number> {
    const oldest = async (table: string, key: string, condition: string, before: unknown) => {
      const [, deleted] = await this.database.platform.query<[unknown, number]>(
        `DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} old WHERE ${condition} LIMIT $2 FOR UPDATE SKIP LOCKED)`, [before, limit]);
      return deleted;
    };
    return await oldest('webhook_deliveries', 'id', "id < $1 AND status <> 'pending'", firstIdAt('whd', time))
      + await oldest('events', 'id', 'id < $1 AND fanned_out_at IS NOT NULL AND NOT EXISTS (SELECT FROM webhook_deliveries WHERE event_id = old.id)', firstIdAt('evt', time))
      + await oldest('inbound_messages', 'inbound_webhook_id, webhook_id', 'created_at < $1', time);
  }

  findDelivery(ctx: RequestContext, id: string): Promise<DeliveryWithEvent | null> {
    return this.deliveries(ctx).andWhere({ id }).getOne() as Promise<DeliveryWithEvent | null>;
  }

  /** A delivery with its event and its endpoint: one plain statement, since it runs once per attempt. */
  async findToAttempt(ctx: RequestContext, id: string): Promise<DeliveryToAttempt | null> {
    const [row] = await this.database.manager(ctx).query<(AttemptRow & { url: string | null })[]>(
      `SELECT d.endpoint_id, d.status, d.attempts, d.attempts_before, e.id AS event_id, e.type, e.version, e.data, e.created_at,
         w.url, w.encrypted_secret, w.previous_encrypted_secret, w.previous_secret_until, w.disabled_at, w.failing_since, clock_timestamp() AS read_at
       FROM webhook_deliveries d JOIN events e ON e.id = d.event_id LEFT JOIN webhook_endpoints w ON w.id = d.endpoint_id
       WHERE d.id = $1 AND d.project_id = $2`, [id, ctx.projectId]);
    if (!row) return null;
    return {
      id, readAt: row.read_at, endpointId: row.endpoint_id, status: row.status, attempts: row.attempts, attemptsBefore: row.attempts_before,
      event: { id: row.event_id, type: row.type, version: row.version, data: row.data, createdAt: row.created_at },
      endpoint: row.url === null ? null : {
        id: row.endpoint_id, projectId: ctx.projectId, url: row.url, disabledAt: row.disabled_at, failingSince: row.failing_since,
        encryptedSecret: row.encrypted_secret, previousEncryptedSecret: row.previous_encrypted_secret, previousSecretUntil: row.previous_secret_until,
      },
    };
  }

  listDeliveries(ctx: RequestContext, endpointId: string, args: DeliveryListArgs): Promise<Page<DeliveryWithEvent>> {
    const { filter } = args;
    const query = narrow(this.deliveries(ctx).andWhere({ endpointId }), {
      'delivery.status = :value': filter?.status, 'event.type = :value': filter?.eventType,
      'delivery.createdAt >= :value': filter?.since, 'delivery.createdAt < :value': filter?.until,
    });
    return keysetPage(query, { created_at: byCreation('delivery') }, args) as Promise<Page<DeliveryWithEvent>>;
  }

  /** Deliveries of the project, each with its event. */
  private deliveries(ctx: RequestContext): SelectQueryBuilder<WebhookDeliveryEntity> {
    return this.database.manager(ctx).createQueryBuilder(WebhookDeliveryEntity, 'delivery')
      .innerJoinAndMapOne('delivery.event', EventEntity, 'event', 'event.id = delivery.eventId').where({ projectId: ctx.projectId });
  }
}
