import { Column, CreateDateColumn, Index, PrimaryColumn } from 'typeorm';

/** Why a run ended badly: a stable code, and what a person should know and do. */
export interface RunFailure {
  code: string;
  message: string;
}

/**
 * Columns of every long run. `attempt` is raised by each claim and fences later writes; `heartbeatAt` is database time.
 * Only the feature's lifecycle writes `status`.
 */
export abstract class RunState<Status extends string> {
  @PrimaryColumn('text') id: string;
  @Column('text') projectId: string;
  @Index() @Column('text', { default: 'queued' }) status: Status;
  @Column('int', { default: 0 }) attempt: number;
  @Column('timestamptz', { nullable: true }) heartbeatAt: Date | null;
  @Column('timestamptz', { nullable: true }) stopRequestedAt: Date | null;
  @Column('jsonb', { nullable: true }) failure: RunFailure | null;
  @Column('text') createdBy: string;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
  @Column('timestamptz', { nullable: true }) startedAt: Date | null;
  @Column('timestamptz', { nullable: true }) finishedAt: Date | null;
}
