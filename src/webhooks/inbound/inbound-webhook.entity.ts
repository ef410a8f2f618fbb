import { Column, CreateDateColumn, Entity, Index, PrimaryColumn, VirtualColumn } from 'typeorm';

/** Whose webhooks can come in; `standard` is any sender that signs as Standard Webhooks 1.0.0 says. */
export const INBOUND_PROVIDERS = ['openai', 'standard'] as const;
export type InboundProvider = (typeof INBOUND_PROVIDERS)[number];

/** A place where a provider's webhooks come in. */
@Entity('inbound_webhooks')
export class InboundWebhookEntity {
  @PrimaryColumn('text') id: string;
  @Index() @Column('text') projectId: string;
  @Column('text') provider: InboundProvider;
  @Column('text', { nullable: true }) description: string | null;
  @Column('text') encryptedSecret: string;
  /** The secret before the last change; what it signed is taken too until `previousSecretUntil`. */
  @Column('text', { nullable: true }) previousEncryptedSecret: string | null;
  @Column('timestamptz', { nullable: true }) previousSecretUntil: Date | null;
  /** When the row was read, by the database's clock. */
  @VirtualColumn({ query: () => 'clock_timestamp()' }) readAt: Date;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}

/** A message that was taken: its sender's id has an effect once. */
@Entity('inbound_messages')
export class InboundMessageEntity {
  @PrimaryColumn('text') inboundWebhookId: string;
  /** The `webhook-id` header. */
  @PrimaryColumn('text') webhookId: string;
  @Column('text') projectId: string;
  @Index() @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}
