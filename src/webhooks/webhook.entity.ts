import { Column, CreateDateColumn, Entity, Index, PrimaryColumn, Unique } from 'typeorm';

@Entity('webhook_endpoints')
export class WebhookEndpointEntity {
  @PrimaryColumn('text') id: string;
  @Index() @Column('text') projectId: string;
  @Column('text') url: string;
  /** Event types wanted; empty: all. */
  @Column('text', { array: true }) eventTypes: string[];
  @Column('text') encryptedSecret: string;
  @Column('timestamptz', { nullable: true }) disabledAt: Date | null;
  @Column('text', { nullable: true }) disabledReason: string | null;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}

/** Something that happened, as it is told to others. Its id is the `webhook-id` header on every attempt. */
@Entity('events')
export class EventEntity {
  @PrimaryColumn('text') id: string;
  @Index() @Column('text') projectId: string;
  @Column('text') type: string;
  @Column('jsonb') data: Record<string, unknown>;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
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
export class WebhookDeliveryEntity {
  @PrimaryColumn('text') id: string;
  @Column('text') projectId: string;
  @Column('text') eventId: string;
  @Index() @Column('text') endpointId: string;
  @Index() @Column('text', { default: 'pending' }) status: DeliveryStatus;
  @Column('jsonb', { default: [] }) attempts: DeliveryAttempt[];
  @Column('timestamptz', { nullable: true, default: () => 'now()' }) nextAttemptAt: Date | null;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}
