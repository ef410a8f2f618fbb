import { Column, CreateDateColumn, Entity, Index, PrimaryColumn, Unique } from 'typeorm';
import type { SecretPlace } from '../common/secrets.js';

@Entity('webhook_endpoints')
export class WebhookEndpointEntity {
  @PrimaryColumn('text') id: string;
  @Index() @Column('text') projectId: string;
  @Column('text') url: string;
  /** Event types wanted; empty: all. */
  @Column('text', { array: true }) eventTypes: string[];
  /** See common/secrets. */
  @Column('text') encryptedSecret: string;
  @Column('timestamptz', { nullable: true }) disabledAt: Date | null;
  @Column('text', { nullable: true }) disabledReason: string | null;
  /** Since when every attempt has failed; null after one that succeeded. */
  @Column('timestamptz', { nullable: true }) failingSince: Date | null;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}

export const placeOfSecret = ({ projectId, id }: Pick<WebhookEndpointEntity, 'projectId' | 'id'>): SecretPlace => ({ column: 'webhook_endpoints.encrypted_secret', projectId, id });

/** Something that happened, as it is told to others. Its id is the `webhook-id` header on every attempt. */
@Entity('events')
@Index('events_to_fan_out', ['createdAt'], { where: 'fanned_out_at IS NULL' })
export class EventEntity {
  @PrimaryColumn('text') id: string;
  @Index() @Column('text') projectId: string;
  @Column('text') type: string;
  @Column('jsonb') data: object;
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
export class WebhookDeliveryEntity {
  @PrimaryColumn('text') id: string;
  @Column('text') projectId: string;
  @Column('text') eventId: string;
  @Index() @Column('text') endpointId: string;
  @Column('text', { default: 'pending' }) status: DeliveryStatus;
  @Column('jsonb', { default: [] }) attempts: DeliveryAttempt[];
  /** When an attempt may start; while one is under way, when it counts as lost. Null unless pending. */
  @Column('timestamptz', { nullable: true, default: () => 'now()' }) nextAttemptAt: Date | null;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}
