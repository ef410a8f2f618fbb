/* Generated from contracts/*.schema.json by `npm run generate`; do not edit. */

/**
 * A program that scores one answer. Used as the gold score of an evaluation suite and as a reward in RL. Templates may use {{sample.output_text}} and {{item.<column>}}; both are plain text substitution.
 */
export type Grader = StringCheckGrader | FunctionCallGrader | LengthGrader | RewardModelGrader;
export type RunEvent =
  StartedEvent | MetricsEvent | LogEvent | CheckpointEvent | ReportEvent | ArtefactEvent | FinishedEvent;

export interface Contracts {
  grader?: Grader;
  'job-spec'?: JobSpec;
  manifest?: Manifest;
  'reward-report'?: RewardReport;
  'run-events'?: RunEventBatch;
}
/**
 * OpenAI's string_check: 1 when the comparison holds, else 0. eq and ne compare exactly after trimming white space at both ends; like asks whether input contains reference, ilike the same without case.
 */
export interface StringCheckGrader {
  type: 'string_check';
  operation: 'eq' | 'ne' | 'like' | 'ilike';
  input: string;
  reference: string;
}
/**
 * Parses `name(arg, arg, …)` from the first non-empty line of input and of reference and compares them after trimming, lower-casing and collapsing inner white space. Argument order counts. Score 1 when name and all arguments agree. With partial=true an answer that is not right gets 0.1 for parsing, 0.2 more for the right name, and 0.5 times the share of argument positions that agree (of the longer list; 1 when both are empty), the arguments counting only under the right name. An input that does not parse, or has anything but white space after the closing parenthesis on its line, scores 0.
 */
export interface FunctionCallGrader {
  type: 'function_call';
  input: string;
  reference: string;
  partial?: boolean;
}
/**
 * Number of white-space separated words in input divided by `per`, capped at `max`. A deliberately bad reward for showing reward hacking; never a gold score.
 */
export interface LengthGrader {
  type: 'length';
  input: string;
  per: number;
  max?: number;
}
/**
 * The scalar of a registered reward model for the conversation (prompt + answer). modelPath is filled in by the gateway when it hands a spec to a trainer.
 */
export interface RewardModelGrader {
  type: 'reward_model';
  modelVersionId: string;
  modelPath?: string;
}
/**
 * Everything a trainer needs for one attempt at one fine-tune job. It holds no secret: the one-run token travels beside it.
 */
export interface JobSpec {
  contractVersion: 1;
  jobId: string;
  attempt: number;
  method: 'sft' | 'dpo' | 'reward' | 'grpo';
  base: BaseRef;
  data: DataRef;
  /**
   * Directory of this attempt. The trainer writes checkpoints/step-<n>/, artefact/ and spool/ below it.
   */
  outputDir: string;
  /**
   * Checkpoint directory to go on from, exactly (weights, optimiser, scheduler, RNG, data position).
   */
  resumeFrom: string | null;
  seed: number;
  hyperparameters: Hyperparameters;
  lora: Lora;
  reward?: RewardModelOptions;
  rl?: RlOptions;
  /**
   * Where event batches are posted (run-events.schema.json); null writes them to the spool only (for use without a gateway).
   */
  eventsUrl: string | null;
}
export interface BaseRef {
  /**
   * Directory of the base model (safetensors, tokenizer).
   */
  modelPath: string;
  /**
   * Adapter to start from. sft, dpo and grpo go on training this very adapter (so that the result still belongs on the base alone); reward merges it into the backbone first.
   */
  adapterPath: string | null;
}
export interface DataRef {
  /**
   * JSONL in TRL's conversational shapes: sft {prompt: messages, completion: messages} or {messages}, whose last message is the completion; dpo and reward {prompt: messages, chosen: messages, rejected: messages, slice?: string}; grpo {prompt: messages, …columns that graders name}.
   */
  trainPath: string;
  /**
   * Held-out rows of the same shape.
   */
  evalPath: string | null;
}
export interface Hyperparameters {
  /**
   * Optimiser steps.
   */
  maxSteps: number;
  /**
   * Rows per optimiser step (grpo: completions per optimiser step, a multiple of groupSize).
   */
  batchSize: number;
  /**
   * Into how many forward passes a batch is cut; batchSize must be a multiple.
   */
  gradientAccumulationSteps?: number;
  learningRate: number;
  scheduler?: 'constant' | 'linear' | 'cosine';
  warmupSteps?: number;
  weightDecay?: number;
  /**
   * Tokens of prompt + answer. Longer rows: sft and dpo cut them at the end, reward leaves them out with a warning; grpo does not use it (maxNewTokens bounds the answer).
   */
  maxLength?: number;
  checkpointEverySteps: number;
  evalEverySteps?: number | null;
  /**
   * dpo: strength of the implicit KL (null: 0.1). grpo: KL coefficient (null: 0.04).
   */
  beta?: number | null;
}
/**
 * The adapter to make. sft, dpo and grpo with an adapterPath train that adapter with its own settings instead.
 */
export interface Lora {
  r: number;
  alpha: number;
  dropout?: number;
  /**
   * Adapt the linear layers of transformer layers firstLayer … last; lower ones stay frozen, which stops the backward pass early.
   */
  firstLayer?: number;
}
export interface RewardModelOptions {
  /**
   * Keep only the first n transformer layers of the backbone; null keeps all.
   */
  layers?: number | null;
}
/**
 * reward is what the policy is trained on.
 */
export interface RlOptions {
  /**
   * Rollouts per prompt.
   */
  groupSize: number;
  temperature: number;
  maxNewTokens: number;
  reward: Grader;
  /**
   * Independent measure, never trained on: on the held-out rows every evalEverySteps, greedy decoding.
   */
  gold: Grader | null;
  guards?: RlGuards;
}
/**
 * Alarms; each is reported as an event of level warn the first time it is passed. stop=true ends the run with outcome guard_stopped after a checkpoint.
 */
export interface RlGuards {
  /**
   * Mean KL per token to the starting policy, nats.
   */
  maxKl?: number | null;
  /**
   * Mean completion length over that of the first step.
   */
  maxLengthRatio?: number | null;
  stop?: boolean;
}
/**
 * What a directory of files is, byte for byte. sha256 is the SHA-256 of the lines `<file sha256>  <bytes>  <path>\n` in ascending order of path (by code point); paths are relative, use '/', and never leave the directory.
 */
export interface Manifest {
  sha256: string;
  bytes: number;
  /**
   * @minItems 1
   */
  files: [ManifestFile, ...ManifestFile[]];
}
export interface ManifestFile {
  path: string;
  sha256: string;
  bytes: number;
}
/**
 * Held-out evidence for a reward model, computed on data.evalPath (prompts not seen in training). accuracy is the share of pairs with r(chosen) > r(rejected), a tie counting one half.
 */
export interface RewardReport {
  pairs: number;
  prompts: number;
  accuracy: Estimate;
  /**
   * One entry per value of the rows' `slice` column, in order of name.
   */
  slices: SliceReport[];
  /**
   * Accuracy of the better of the two rules 'the longer answer wins' and 'the shorter answer wins' (tokens, tie one half).
   */
  lengthBaselineAccuracy: number;
  /**
   * Spearman's rank correlation of reward with answer length in tokens, over all answers; null when either is constant.
   */
  lengthSpearman: number | null;
  /**
   * Expected calibration error of p = sigmoid(r_chosen - r_rejected), 15 equal-width bins, pairs in seeded random order.
   */
  ece: number;
  /**
   * Mean -ln sigmoid(r_chosen - r_rejected); ln 2 = 0.6931 is chance.
   */
  nll: number;
}
/**
 * A mean with its 95% percentile-bootstrap interval (10,000 seeded resamples, clustered by prompt).
 */
export interface Estimate {
  value: number;
  low: number;
  high: number;
}
export interface SliceReport {
  name: string;
  pairs: number;
  accuracy: Estimate;
}
/**
 * Body of POST {eventsUrl}, with Authorization: Bearer <one-run token>. Events are numbered from 1 within an attempt without gaps; the gateway stores each (attempt, seq) once, so a batch may be sent again; while there is nothing new the last event is sent again every 10 s as a sign of life. Answer 200 {"acknowledged": <highest seq stored>, "stop": <true when the run was asked to stop>}. 409 means that the run is over: stop without writing. 401: the token is not that of the run's current attempt (another attempt took over): stop without writing. Anything else: keep in the spool and retry with back-off.
 */
export interface RunEventBatch {
  contractVersion: 1;
  attempt: number;
  /**
   * @minItems 1
   * @maxItems 500
   */
  events: [RunEvent, ...RunEvent[]];
}
export interface StartedEvent {
  seq: number;
  at: string;
  type: 'started';
  totalSteps: number;
  /**
   * 0 for a fresh start.
   */
  resumedFromStep: number;
  trainRows: number;
  evalRows: number;
  trainableParameters: number;
  device: string;
  versions: {
    [k: string]: string;
  };
}
export interface MetricsEvent {
  seq: number;
  at: string;
  type: 'metrics';
  step: number;
  totalSteps: number;
  /**
   * Since this attempt's first step.
   */
  elapsedSeconds: number;
  etaSeconds: number | null;
  /**
   * Standard names: loss, learning_rate, grad_norm, mean_token_accuracy, eval_loss; rl: reward, reward_std, kl, completion_length, gold, gold_n. A value that is not finite is null.
   */
  metrics: {
    [k: string]: number | null;
  };
}
export interface LogEvent {
  seq: number;
  at: string;
  type: 'log';
  level: 'info' | 'warn' | 'error';
  message: string;
}
export interface CheckpointEvent {
  seq: number;
  at: string;
  type: 'checkpoint';
  step: number;
  path: string;
  manifest: Manifest;
  metrics: {
    [k: string]: number | null;
  };
}
/**
 * The held-out report of a reward model.
 */
export interface ReportEvent {
  seq: number;
  at: string;
  type: 'report';
  report: RewardReport;
}
export interface ArtefactEvent {
  seq: number;
  at: string;
  type: 'artefact';
  path: string;
  /**
   * adapter: a PEFT adapter for base.modelPath alone. reward_model: a self-contained sequence-classification checkpoint with one label.
   */
  kind: 'adapter' | 'reward_model';
  manifest: Manifest;
}
export interface FinishedEvent {
  seq: number;
  at: string;
  type: 'finished';
  outcome: 'succeeded' | 'stopped' | 'guard_stopped' | 'failed';
  error: null | RunError;
  step: number;
  seconds: number;
  cpuSeconds: number;
  /**
   * Tokens of prompt and answer that this attempt trained on (grpo: also generated).
   */
  trainedTokens: number | null;
  peakMemoryBytes: number;
}
export interface RunError {
  code:
    'bad_spec' | 'bad_data' | 'bad_model' | 'bad_checkpoint' | 'out_of_memory' | 'disk_full' | 'diverged' | 'internal';
  message: string;
}
