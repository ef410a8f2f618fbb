import { Column, CreateDateColumn, Entity, Index, PrimaryColumn, Unique } from 'typeorm';

export type ExperimentStatus = 'draft' | 'running' | 'stopped' | 'halted';
/** What apps name in their calls: a label of a prompt, a deployment, or an alias of a registered model. */
export type ExperimentSubject = 'prompt' | 'deployment' | 'model';

/** What is measured; src/experiments/metrics.ts says how. */
export type Metric = 'error_rate' | 'latency_ms' | 'cost' | 'tokens' | 'thumb_rate' | 'score';
export type GuardMetric = Metric | 'latency_p95';

/** What an arm may not do; one of the two is a number. */
export interface Guard {
  metric: GuardMetric;
  /** How much worse than the control's the arm's mean may be, 0 or more. */
  maxWorse: number | null;
  /** What the arm's own mean (or 95th percentile) may not be worse than. */
  limit: number | null;
}

/** Why an experiment was halted. */
export interface Halt {
  /** Of the guard that was violated; null when what the experiment needs is gone. */
  metric: GuardMetric | null;
  /** That violates the guard, or whose target is gone; null when the subject is gone. */
  arm: string | null;
  /** For people. */
  message: string;
}

/** What is asked, of whom, and what came of it. */
@Entity('experiments')
@Index(['projectId', 'id'])
@Index('experiments_one_running', ['projectId', 'subject', 'subjectName', 'label'], { unique: true, where: "status = 'running'" })
@Index('experiments_due', ['nextCheckAt'], { where: "status = 'running'" })
export class ExperimentEntity {
  @PrimaryColumn('text') id: string;
  @Column('text') projectId: string;
  @Column('text') name: string;
  /** What is expected, and why: for those who read the results. */
  @Column('text', { nullable: true }) hypothesis: string | null;
  @Column('text', { default: 'draft' }) status: ExperimentStatus;
  @Column('text') subject: ExperimentSubject;
  /** Of the prompt, the deployment or the model. */
  @Column('text') subjectName: string;
  /** The label of the prompt, or the alias of the model; empty for a deployment. */
  @Column('text', { default: '' }) label: string;
  /** Name of the arm that the others are compared with. */
  @Column('text') control: string;
  /** Share of the traffic that takes part. */
  @Column('double precision') allocation: number;
  @Column('text') primaryMetric: Metric;
  @Column('jsonb', { default: [] }) guards: Guard[];
  /** How often, at most, an experiment whose arms are all alike may show a difference. */
  @Column('double precision') alpha: number;
  /** How many units its intervals are tightest at. */
  @Column('int') expectedUnits: number;
  /** How long after its first call a key's calls count towards its value. */
  @Column('int') observeSeconds: number;
  /** When weights were changed since the start, and the weights of each arm, in their order, before the first change and after each. */
  @Column('timestamptz', { array: true, default: [] }) reweightedAt: Date[];
  @Column('jsonb', { default: [] }) weightings: number[][];
  /** What the subject named when the draft was made, and still at the start: a prompt's version by its number, a model's as `models:/name/3`, or the deployment's targets. */
  @Column('text', { nullable: true }) baseline: string | null;
  @Column('text', { nullable: true }) promotedArm: string | null;
  @Column('jsonb', { nullable: true }) halt: Halt | null;
  @Column('text') createdBy: string;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
  @Column('timestamptz', { nullable: true }) startedAt: Date | null;
  @Column('timestamptz', { nullable: true }) finishedAt: Date | null;
  /** When its guards are looked at next. */
  @Column('timestamptz', { nullable: true }) nextCheckAt: Date | null;
}

/** What a share of an experiment's calls gets. */
@Entity('experiment_arms')
@Unique(['experimentId', 'name'])
@Index(['promptVersionId', 'id'])
export class ExperimentArmEntity {
  @PrimaryColumn('text') id: string;
  @Index() @Column('text') projectId: string;
  @Column('text') experimentId: string;
  @Column('text') name: string;
  /** Place among the arms, from 0. */
  @Column('int') position: number;
  @Column('double precision') weight: number;
  /** Of a prompt's experiment. */
  @Column('text', { nullable: true }) promptVersionId: string | null;
  @Column('int', { nullable: true }) promptVersion: number | null;
  /** Of a deployment's or model's experiment: `models:/name/3`, `<provider>/<model>` or, of a deployment's, `models:/name@alias`. */
  @Column('text', { nullable: true }) model: string | null;
}
