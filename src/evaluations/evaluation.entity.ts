import { Column, CreateDateColumn, Entity, Index, PrimaryColumn, Unique } from 'typeorm';
import { RunState } from '../common/run-state.js';
import type { Grader } from '../contracts/contracts.generated.js';

/** What all candidates are measured on: the same items, the same gold grader. Immutable. */
@Entity('evaluation_suites')
@Index(['projectId', 'id'])
@Unique(['projectId', 'name'])
export class EvaluationSuiteEntity {
  @PrimaryColumn('text') id: string;
  @Column('text') projectId: string;
  @Column('text') name: string;
  @Column('text') datasetVersionId: string;
  @Column('jsonb') grader: Grader;
  /** Its items were never and will never be trained on, and its answers are not shown one by one. */
  @Column('boolean') sealed: boolean;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}

export type EvaluationStatus = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

export interface Sampling {
  /** Answers per item; 1 with temperature 0 is greedy. */
  n: number;
  temperature: number;
  maxTokens: number;
  seed: number;
}

/** Mean over items with its 95% percentile-bootstrap interval. */
export interface Estimate {
  value: number;
  low: number;
  high: number;
}

/** A candidate (model × prompt × sampling × selection) on a suite. */
@Entity('evaluation_runs')
@Index(['projectId', 'id'])
export class EvaluationRunEntity extends RunState<EvaluationStatus> {
  @Column('text') suiteId: string;
  @Column('text') modelVersionId: string;
  @Column('text', { nullable: true }) promptVersionId: string | null;
  /** What the prompt included when this was asked for: `ReadyPrompt.pins`. */
  @Column('jsonb', { default: {} }) promptPins: Record<string, string>;
  @Column('jsonb') sampling: Sampling;
  /** Scores every answer; the best of an item's n is its answer (best-of-n). Null: the first answer is. */
  @Column('text', { nullable: true }) rewardVersionId: string | null;
  @Column('int') items: number;
  @Column('int', { default: 0 }) done: number;
  /** Gold score of the chosen answers. */
  @Column('jsonb', { nullable: true }) gold: Estimate | null;
  /** Mean gold score over all answers, and the best of each item's n: what selection could reach at most. */
  @Column('double precision', { nullable: true }) goldMean: number | null;
  @Column('double precision', { nullable: true }) goldBest: number | null;
  /** Of the chosen answers. */
  @Column('double precision', { nullable: true }) rewardMean: number | null;
  /** Prompts count once per item: its answers share one. */
  @Column('int', { nullable: true }) promptTokens: number | null;
  @Column('int', { nullable: true }) completionTokens: number | null;
  /** Wall seconds of answering, scoring and grading, over all attempts; not of loading models. */
  @Column('double precision', { default: 0 }) seconds: number;
  @Column('double precision', { nullable: true }) cost: number | null;
  /** Attempts that ended for no fault of the run: their worker was lost, or failed for an unknown reason. */
  @Column('int', { default: 0 }) lostAttempts: number;
  /** When the run was last put on its queue; database time. */
  @Column('timestamptz', { default: () => 'now()' }) enqueuedAt: Date;
}

/** One answer to one item. */
@Entity('evaluation_samples')
@Unique(['runId', 'item', 'sample'])
export class EvaluationSampleEntity {
  @PrimaryColumn('text') id: string;
  @Column('text') projectId: string;
  @Index() @Column('text') runId: string;
  /** Index of the item in the suite's data, and of the answer within the item; from 0. */
  @Column('int') item: number;
  @Column('int') sample: number;
  @Column('text') output: string;
  @Column('double precision') gold: number;
  @Column('double precision', { nullable: true }) reward: number | null;
  /** Whether it is the item's answer. */
  @Column('boolean') chosen: boolean;
  @Column('int') promptTokens: number;
  @Column('int') completionTokens: number;
  @Column('text') finishReason: string;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}
