import { Column, CreateDateColumn, Entity, Index, PrimaryColumn, PrimaryGeneratedColumn, Unique } from 'typeorm';
import { encodeCursor } from '../common/pagination.js';
import { RunState } from '../common/run-state.js';
import type { FinishedEvent, Hyperparameters, Lora, Manifest, RewardModelOptions, RewardReport, RlOptions, RunEvent } from '../contracts/contracts.generated.js';

export type FineTuneMethod = 'sft' | 'dpo' | 'reward' | 'grpo';
export type FineTuneStatus = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

/** What the trainer is to do, as asked for; paths are resolved when an attempt starts. */
export interface FineTuneSettings {
  seed: number;
  hyperparameters: Hyperparameters;
  lora: Lora;
  reward?: RewardModelOptions;
  rl?: RlOptions;
}

@Entity('fine_tune_jobs')
@Index(['projectId', 'id'])
export class FineTuneJobEntity extends RunState<FineTuneStatus> {
  @Column('text') method: FineTuneMethod;
  /** Base or adapter to start from. */
  @Column('text') fromVersionId: string;
  @Column('text') datasetVersionId: string;
  @Column('text', { nullable: true }) promptVersionId: string | null;
  /** What the prompt included when this was asked for: `ReadyPrompt.pins`. */
  @Column('jsonb', { default: {} }) promptPins: Record<string, string>;
  @Column('jsonb') settings: FineTuneSettings;
  /** Name of the model that the result becomes a version of. */
  @Column('text') registerAs: string;
  @Column('text', { nullable: true }) modelVersionId: string | null;
  @Column('int', { default: 0 }) step: number;
  @Column('double precision', { nullable: true }) etaSeconds: number | null;
  /** What the trainer said at its end. */
  @Column('jsonb', { nullable: true }) summary: Omit<FinishedEvent, 'seq' | 'at' | 'type'> | null;
  @Column('jsonb', { nullable: true }) rewardReport: RewardReport | null;
  /** SHA-256 of the one-run token of the current attempt. */
  @Column('text', { nullable: true }) tokenHash: string | null;
  /** Attempts that ended for no fault of the job: their worker was lost, or the trainer failed for an unknown reason. */
  @Column('int', { default: 0 }) lostAttempts: number;
  /** When the job was last put on its queue; database time. */
  @Column('timestamptz', { default: () => 'now()' }) enqueuedAt: Date;
}

/** What happened to a job, in order: the trainer's events and the service's own (`log`). */
@Entity('fine_tune_events')
@Index(['jobId', 'id'])
@Unique(['jobId', 'attempt', 'seq'])
export class FineTuneEventEntity {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' }) id: string;
  @Column('text') projectId: string;
  @Column('text') jobId: string;
  @Column('int') attempt: number;
  /** The trainer's number within the attempt; null for the service's own. */
  @Column('int', { nullable: true }) seq: number | null;
  @Column('text') type: RunEvent['type'];
  @Column('jsonb') data: Record<string, unknown>;
  @Column('timestamptz') at: Date;

  /** Where subscriptions and pages go on from. */
  get cursor(): string {
    return encodeCursor(this.id);
  }
}

@Entity('fine_tune_checkpoints')
@Unique(['jobId', 'attempt', 'step'])
export class FineTuneCheckpointEntity {
  @PrimaryColumn('text') id: string;
  @Column('text') projectId: string;
  @Index() @Column('text') jobId: string;
  @Column('int') attempt: number;
  @Column('int') step: number;
  @Column('text') path: string;
  @Column('jsonb') manifest: Manifest;
  @Column('jsonb') metrics: Record<string, number | null>;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}
