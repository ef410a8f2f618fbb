import { Column, CreateDateColumn, Entity, Index, PrimaryColumn, Unique, VirtualColumn } from 'typeorm';

@Entity('webhook_endpoints')
export class WebhookEndpointEntity {
  @PrimaryColumn('text') id: string;
  @Index() @Column('text') projectId: string;
  @Column('text') url: string;
  @Column('text', { nullable: true }) description: string | null;
  /** Raised by each edit. */
  @Column('int', { default: 1 }) revision: number;
  /** Event types wanted; empty: all. */
  @Column('text', { array: true }) eventTypes: string[];
  @Column('text') encryptedSecret: string;
  /** The secret before the last rotation; it signs too until `previousSecretUntil`. */
  @Column('text', { nullable: true }) previousEncryptedSecret: string | null;
  @Column('timestamptz', { nullable: true }) previousSecretUntil: Date | null;
  @Column('timestamptz', { nullable: true }) disabledAt: Date | null;
  @Column('text', { nullable: true }) disabledReason: string | null;
  /** Since when every attempt has failed; null after one that succeeded. */
  @Column('timestamptz', { nullable: true }) failingSince: Date | null;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}

/** Something that happened, as it is told to others. Its id is the `webhook-id` header on every attempt. */
@Entity('events')
@Index('events_to_fan_out', ['createdAt'], { where: 'fanned_out_at IS NULL' })
@Index('events_by_time', ['projectId', 'createdAt', 'id'])
export class EventEntity {
  @PrimaryColumn('text') id: string;
  @Column('text') projectId: string;
  @Column('text') type: string;
  /** Of the type's schema when it happened. */
  @Column('int', { default: 1 }) version: number;
  @Column('jsonb') data: object;
  /** The one endpoint that it is for; null: each that wants its type. */
  @Column('text', { nullable: true }) endpointId: string | null;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
  /** When its deliveries were made; null: not yet. */
  @Column('timestamptz', { nullable: true }) fannedOutAt: Date | null;
}

export type DeliveryStatus = 'pending' | 'delivered' | 'failed';
export interface DeliveryAttempt {
  at: string;
  /** HTTP status, or null when there was no answer. */
  status: number | null;
  milliseconds: number;
  /** First kilobyte of the answer, or the error. */
  response: string;
}

/** One event to one endpoint. */
@Entity('webhook_deliveries')
@Unique(['eventId', 'endpointId'])
@Index('webhook_deliveries_pending', ['nextAttemptAt'], { where: "status = 'pending'" })
@Index('webhook_deliveries_pending_by_endpoint', ['endpointId', 'nextAttemptAt'], { where: "status = 'pending'" })
@Index('webhook_deliveries_by_endpoint', ['endpointId', 'id'])
export class WebhookDeliveryEntity {
  @PrimaryColumn('text') id: string;
  @Column('text') projectId: string;
  @Column('text') eventId: string;
  @Column('text') endpointId: string;
  @Column('text', { default: 'pending' }) status: DeliveryStatus;
  @Column('jsonb', { default: [] }) attempts: DeliveryAttempt[];
  /** How many of them were before the latest redelivery or replay, with which the schedule starts anew. */
  @Column('int', { default: 0 }) attemptsBefore: number;
  /** When an attempt may start; while one is under way, when it counts as lost. Null unless pending. */
  @Column('timestamptz', { nullable: true, default: () => 'now()' }) nextAttemptAt: Date | null;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
  /** When the row was read, by the database's clock. */
  @VirtualColumn({ query: () => 'clock_timestamp()' }) readAt: Date;
}

/** The events of a time range on their way to one endpoint once more, a batch at a time. */
@Entity('webhook_replays')
@Index('webhook_replays_unfinished', ['progressAt'], { where: 'finished_at IS NULL' })
export class WebhookReplayEntity {
  @PrimaryColumn('text') id: string;
  @Column('text') projectId: string;
  @Index() @Column('text') endpointId: string;
  /** The range: from `since`, up to but without `until`. */
  @Column('timestamptz') since: Date;
  @Column('timestamptz') until: Date;
  /** Empty: all. */
  @Column('text', { array: true }) eventTypes: string[];
  /** How many events the range held when the replay was asked for. */
  @Column('int') events: number;
  /** How many of them have been handed to delivery. */
  @Column('int', { default: 0 }) replayed: number;
  /** The last of those; the next batch starts after it. */
  @Column('text', { nullable: true }) lastEventId: string | null;
  /** When the last batch was made; an unfinished replay that stands still has lost its message. */
  @Column('timestamptz', { default: () => 'now()' }) progressAt: Date;
  @Column('timestamptz', { nullable: true }) finishedAt: Date | null;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}
