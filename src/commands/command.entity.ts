import { Column, CreateDateColumn, Entity, Index, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';
import type { SecretPlace } from '../common/secrets.js';

/** A command that was carried out under an idempotency key, with its answer; written in the command's own transaction. */
@Entity('idempotency_keys')
export class IdempotencyKeyEntity {
  @PrimaryColumn('text') projectId: string;
  /** The caller's key, and the operation's place in its document. */
  @PrimaryColumn('text') key: string;
  /** SHA-256 of operation and arguments: the same key with other ones is an error. */
  @Column('text') fingerprint: string;
  /** The answer; it may hold a secret that is shown once. */
  @Column('text') encryptedAnswer: string;
  @Index() @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}

export const placeOfAnswer = ({ projectId, key }: Pick<IdempotencyKeyEntity, 'projectId' | 'key'>): SecretPlace => ({ column: 'idempotency_keys.encrypted_answer', projectId, id: key });

/** Who did what, when: one row per mutation. Never changed. */
@Entity('audit_entries')
@Index(['projectId', 'id'])
export class AuditEntryEntity {
  @PrimaryColumn('text') id: string;
  @Column('text') projectId: string;
  @CreateDateColumn({ type: 'timestamptz' }) at: Date;
  /** `key:<id>` or `user:<subject>`. */
  @Column('text') principal: string;
  @Column('text') role: string;
  /** Such as `createPromptVersion` or `DELETE /v1/files/:id`. */
  @Column('text') operation: string;
  /** What was given, without secrets. */
  @Column('jsonb') arguments: object;
  @Column('text') requestId: string;
  /** `ok`; `replayed` when it was done before, under the same idempotency key; or the code of the error that undid it. */
  @Column('text') outcome: string;
}

/** A row that a mutation added, changed or removed; written by a trigger (src/database/audit-triggers.ts). Never changed. */
@Entity('audit_changes')
@Index(['projectId', 'rowId'])
export class AuditChangeEntity {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' }) id: string;
  @Column('text') projectId: string;
  @Index() @Column('text') entryId: string;
  @Column('text') table: string;
  /** The row's id, or its first reference to another. */
  @Column('text') rowId: string;
  /** Columns that changed, as they were; null: the row is new. Secrets are left out. */
  @Column('jsonb', { nullable: true }) before: Record<string, unknown> | null;
  /** The same columns as they are; null: the row was removed. */
  @Column('jsonb', { nullable: true }) after: Record<string, unknown> | null;
}
