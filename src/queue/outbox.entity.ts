import { Column, CreateDateColumn, Entity, Index, PrimaryGeneratedColumn, VirtualColumn } from 'typeorm';
import type { JobName, JobPayload } from './jobs.js';

/** A job to be put on its queue, written in the transaction that makes it due. */
@Entity('outbox')
@Index('outbox_pending', ['id'], { where: 'dispatched_at IS NULL' })
@Index('outbox_pending_of_aggregate', ['aggregate', 'id'], { where: 'dispatched_at IS NULL' })
@Index('outbox_dispatched', ['dispatchedAt'], { where: 'dispatched_at IS NOT NULL' })
export class OutboxEntity {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' }) id: string;
  @Column('text') projectId: string;
  @Column('text') job: JobName;
  /** What the job is about (the first id of its payload); rows of one aggregate go on their queues in order. Empty: of none. */
  @Column('text', { default: '' }) aggregate: string;
  @Column('jsonb') payload: JobPayload;
  /** W3C `traceparent` of what enqueued it; null when that was not traced. */
  @Column('text', { nullable: true }) traceContext: string | null;
  /** Not to be started before this time. */
  @Column('timestamptz', { default: () => 'now()' }) dueAt: Date;
  /** Milliseconds until then when the row was read: by the clock of the database, as `dueAt` is. */
  @VirtualColumn({ query: (row) => `greatest(0, extract(epoch FROM ${row}.due_at - clock_timestamp()) * 1000)::float8` }) delayMs: number;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
  @Column('timestamptz', { nullable: true }) dispatchedAt: Date | null;
}
