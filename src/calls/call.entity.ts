import { Column, CreateDateColumn, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * What is kept of one call of a model. Partitioned by day on its id, which begins with the time: a look-up by id, and a
 * range of time, reads its days only. The partitions live in the schema `calls_by_day`, where no tenant's role may look.
 */
@Entity('calls')
export class CallEntity {
  @PrimaryColumn('text') projectId: string;
  /** Compared by bytes, as partitions are. */
  @PrimaryColumn('text', { collation: 'C' }) id: string;
  @Column('timestamptz') at: Date;
  /** How much of the call was kept. */
  @Column('text') logged: 'metadata' | 'full';
  @Column('text') principal: string;
  @Index() @Column('text') requestId: string;
  @Column('text') operation: 'chat' | 'completion' | 'embedding' | 'image' | 'message';
  @Column('text') model: string;
  @Column('text', { nullable: true }) target: string | null;
  @Column('text', { nullable: true }) deploymentId: string | null;
  @Column('text', { nullable: true }) providerId: string | null;
  @Column('text', { nullable: true }) modelVersionId: string | null;
  @Column('text', { nullable: true }) promptVersionId: string | null;
  /** How many of the request's first messages the prompt made. */
  @Column('int', { default: 0 }) promptMessages: number;
  @Index('calls_experiment', { synchronize: false }) @Column('text', { nullable: true }) experimentId: string | null;
  @Column('text', { nullable: true }) arm: string | null;
  @Column('text', { nullable: true }) stickyKey: string | null;
  @Column('jsonb', { nullable: true }) metadata: Record<string, string> | null;
  @Column('int') status: number;
  @Column('text', { nullable: true }) errorCode: string | null;
  @Column('boolean') streamed: boolean;
  @Column('boolean') cached: boolean;
  @Column('int') attempts: number;
  /** Milliseconds. */
  @Column('double precision') latencyMs: number;
  @Column('double precision', { nullable: true }) firstTokenMs: number | null;
  @Column('int') promptTokens: number;
  @Column('int') completionTokens: number;
  @Column('double precision') cost: number;
  /** Some of the texts were too long, and end with a mark. */
  @Column('boolean', { default: false }) cut: boolean;
  @Column('jsonb', { nullable: true, select: false }) variables: Record<string, unknown> | null;
  @Column('jsonb', { nullable: true, select: false }) request: Record<string, unknown> | null;
  @Column('jsonb', { nullable: true, select: false }) answer: Record<string, unknown> | null;
  /** Words of request and answer; null unless logged in full. */
  @Index('calls_search', { synchronize: false }) @Column('tsvector', { nullable: true, select: false }) search: string | null;
}

/** The columns that only `full` fills, which lists do not read. */
export type CallBodies = Pick<CallEntity, 'id' | 'variables' | 'request' | 'answer'>;

/** Somebody's judgement of a call. Never changed. */
@Entity('call_feedback')
@Index(['projectId', 'callId'])
export class CallFeedbackEntity {
  @PrimaryColumn('text') id: string;
  @Column('text') projectId: string;
  /** Its row may come a moment later. */
  @Column({ type: 'text', collation: 'C' }) callId: string;
  @Column('text') principal: string;
  @Column('double precision', { nullable: true }) score: number | null;
  /** Good or not. */
  @Column('boolean', { nullable: true }) thumb: boolean | null;
  @Column('text', { nullable: true }) comment: string | null;
  /** What should have been answered. */
  @Column('text', { nullable: true }) correctedAnswer: string | null;
  /** A call to the same prompt, whose answer is worse. */
  @Column({ type: 'text', nullable: true, collation: 'C' }) preferredOverCallId: string | null;
  /** A worse answer. */
  @Column('text', { nullable: true }) preferredOverAnswer: string | null;
  @Column('jsonb', { nullable: true }) metadata: Record<string, string> | null;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}

/** What a project's log hides: a pattern of the service's own by its name, or a regular expression (RE2). */
export interface Redaction {
  name: string;
  pattern: string | null;
  replacement: string;
}

/** How a project logs its calls; one that has no row logs as the configuration says. */
@Entity('call_settings')
export class CallSettingsEntity {
  @PrimaryColumn('text') projectId: string;
  @Column('text') mode: 'off' | 'metadata' | 'full';
  /** Null: the configuration's. */
  @Column('int', { nullable: true }) retentionDays: number | null;
  @Column('jsonb', { default: [] }) redactions: Redaction[];
  @Column('text') updatedBy: string;
  @Column('timestamptz', { default: () => 'now()' }) updatedAt: Date;
}
