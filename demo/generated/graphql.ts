/* Generated from demo/operations.graphql and schema.graphql by `npm run generate`; do not edit. */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** Which of an item's answers is kept. */
export type AnswerSelection =
  | 'best_by_gold'
  | 'best_by_reward';

/** A message; in a prompt its content is a template. */
export type ChatMessageInput = {
  /** What is said: a template, in a prompt. */
  content: string;
  /** Who says it. */
  role: ChatRole;
};

/** Who says a message, by OpenAI's names. */
export type ChatRole =
  | 'assistant'
  | 'system'
  | 'user';

export type CreateDatasetFromEvaluationInput = {
  /** With best_by_reward: the share of items to keep, highest reward first, over 0 and at most 1. Default: 1. */
  keep?: number | null | undefined;
  /** By default that of the suite's data. */
  licence?: string | null | undefined;
  /** Name of the data set. */
  name: string;
  runId: string;
  select: AnswerSelection;
};

export type CreateDatasetVersionInput = {
  /** What the rows came from: `models:/x@champion` (its outputs), `datasets:/x/1`, or ids of versions, jobs and evaluation runs. */
  derivedFrom?: Array<string>;
  /** A file uploaded to POST /v1/files. */
  fileId: string;
  format: DatasetFormat;
  /** Share of prompts to hold out, 0–0.5; a prompt stays on its side in later versions. */
  holdout?: number;
  /** Identifier in the licence catalogue (query `licences`); `own` for data of your own. */
  licence: string;
  /** May hold slashes as folders. */
  name: string;
  /** To be measured on, and neither trained on nor shown. */
  sealed?: boolean;
};

export type CreateEvaluationSuiteInput = {
  /** `datasets:/name/3` or `datasets:/name@latest`, of format prompt. */
  dataset: string;
  /** contracts/grader.schema.json; string_check or function_call. */
  grader: object;
  name: string;
  /** true insists on it; a suite on a sealed data set always is. */
  sealed?: boolean | null | undefined;
};

export type CreateFineTuneJobInput = {
  /** Such as `datasets:/smart-home/1`. Format: sft for sft, preference for dpo and reward, prompt for grpo. */
  dataset: string;
  hyperparameters?: HyperparametersInput | null | undefined;
  lora?: LoraInput | null | undefined;
  method: FineTuneMethod;
  /** Base or adapter to start from (reward: its backbone), such as `models:/smollm2/1` or `models:/smart-home@champion`. */
  model: string;
  /** Prompt version that renders rows with `input`, such as `prompts:/smart-home@production`. */
  prompt?: string | null | undefined;
  /** Model that the result becomes a version of; created if absent. */
  registerAs: string;
  reward?: RewardModelInput | null | undefined;
  rl?: RlInput | null | undefined;
  /** The same seed gives the same result on the same machine. Default: 0. */
  seed?: number | null | undefined;
};

/** A new version of a prompt, or a new prompt. */
export type CreatePromptVersionInput = {
  /** Why it is made, for people. */
  commitMessage?: string | null | undefined;
  /** Model settings by OpenAI's names, such as `model` and `temperature`, which calls with the prompt take for what they do not say themselves. */
  config?: object | null | undefined;
  /** JSON Schema of the variables, tighter than the one inferred from the templates: it describes each that they read, and requires those that they always read. */
  inputSchema?: object | null | undefined;
  /** Labels to move to the new version. */
  labels?: Array<string> | null | undefined;
  /** A prompt of type text or image has one message of role user. */
  messages: Array<ChatMessageInput>;
  /** May hold slashes as folders. */
  name: string;
  /** Of this version, for good. */
  tags?: Array<string> | null | undefined;
  /** That of the prompt, when there is one already. */
  type?: PromptType;
};

/** sft: learn the completion. preference: chosen over rejected. prompt: inputs with columns for graders. */
export type DatasetFormat =
  | 'preference'
  | 'prompt'
  | 'sft';

export type EvaluationSamplingInput = {
  maxTokens?: number;
  n?: number;
  seed?: number;
  temperature?: number;
};

export type EvaluationStatus =
  | 'cancelled'
  | 'failed'
  | 'queued'
  | 'running'
  | 'succeeded';

export type FineTuneEventType =
  | 'artefact'
  | 'checkpoint'
  | 'finished'
  | 'log'
  | 'metrics'
  | 'report'
  | 'started';

/** sft: learn completions. dpo: prefer chosen over rejected answers. reward: a reward model from preferences. grpo: reinforcement learning on a grader. */
export type FineTuneMethod =
  | 'dpo'
  | 'grpo'
  | 'reward'
  | 'sft';

/** The last three are final. */
export type FineTuneStatus =
  | 'cancelled'
  | 'failed'
  | 'queued'
  | 'running'
  | 'succeeded';

/** How to optimise. What is left out has a default that suits the method. */
export type HyperparametersInput = {
  /** Rows per optimiser step; grpo: completions per step, a multiple of rl.groupSize. Default: 16. */
  batchSize?: number | null | undefined;
  /** dpo: strength of the implicit KL, default 0.1. grpo: KL coefficient, default 0.04. */
  beta?: number | null | undefined;
  /** Default: a tenth of the steps. */
  checkpointEverySteps?: number | null | undefined;
  /** Steps between measurements on the held-out rows. Default: none; with rl.gold a tenth of the steps. */
  evalEverySteps?: number | null | undefined;
  /** Forward passes a batch is cut into, to save memory. Default: 1. */
  gradientAccumulationSteps?: number | null | undefined;
  /** Default: sft 2e-4, reward 1e-4, dpo and grpo 2e-5. */
  learningRate?: number | null | undefined;
  /** Tokens of prompt and answer; longer rows are cut. Default: 512. */
  maxLength?: number | null | undefined;
  /** Optimiser steps. Default: 3 passes over the rows for sft, 1 for the others. */
  maxSteps?: number | null | undefined;
  /** Default: linear. */
  scheduler?: LearningRateScheduler | null | undefined;
  /** Default: 0. */
  warmupSteps?: number | null | undefined;
  /** Default: 0. */
  weightDecay?: number | null | undefined;
};

export type LearningRateScheduler =
  | 'constant'
  | 'cosine'
  | 'linear';

/** derivative: what comes of it stays under the licence. same_family_only: for models of the same family. unknown: the text does not settle it. */
export type LicencePermission =
  | 'allowed'
  | 'derivative'
  | 'refused'
  | 'research_only'
  | 'same_family_only'
  | 'unknown';

export type LineageNodeType =
  | 'dataset_version'
  | 'deployment'
  | 'evaluation_run'
  | 'fine_tune_job'
  | 'model_version'
  | 'prompt_version';

/** How the target came from the source. */
export type LineageRelation =
  | 'data_derived'
  | 'deployed_as'
  | 'measured_by'
  | 'output_derived'
  | 'rendered_with'
  | 'scored_by'
  | 'trained_by'
  | 'weights_derived';

/** Low-rank adapter. A job that starts from an adapter trains that one on and ignores this. */
export type LoraInput = {
  /** Default: 32. */
  alpha?: number | null | undefined;
  /** Default: 0. */
  dropout?: number | null | undefined;
  /** Layers below stay frozen, which makes the backward pass shorter. Default: 0. */
  firstLayer?: number | null | undefined;
  /** Rank. Default: 16. */
  r?: number | null | undefined;
};

/** text: one user message, which other prompts may include; chat: a list of messages; image: one message, the prompt of an image request. */
export type PromptType =
  | 'chat'
  | 'image'
  | 'text';

export type RegisterBaseModelInput = {
  description?: string | null | undefined;
  /** Identifier in the licence catalogue (query `licences`). */
  licence: string;
  /** May hold slashes as folders. */
  name: string;
  /** Name of a directory below TRIAD_HOME/models that holds config.json, the tokenizer and safetensors. */
  source: string;
};

/** Options of method reward. */
export type RewardModelInput = {
  /** Keep only the first n layers of the backbone. Default: all. */
  layers?: number | null | undefined;
};

/** Alarms of a run; each is an event of level warn the first time it is passed. */
export type RlGuardsInput = {
  /** Mean KL per token to the starting policy, nats. Default: 0.15; null: none. */
  maxKl?: number | null | undefined;
  /** Mean answer length over that of the first step. Default: 1.5; null: none. */
  maxLengthRatio?: number | null | undefined;
  /** End the run at the first alarm; what it made until then is registered. Default: false. */
  stop?: boolean | null | undefined;
};

/** Options of method grpo. */
export type RlInput = {
  /** Independent grader, never trained on: measured on the held-out rows. */
  gold?: object | null | undefined;
  /** Answers sampled per prompt. Default: 8. */
  groupSize?: number | null | undefined;
  guards?: RlGuardsInput | null | undefined;
  /** Default: 128. */
  maxNewTokens?: number | null | undefined;
  /** Grader that the policy is trained on (contracts/grader.schema.json). */
  reward: object;
  /** Default: 1. */
  temperature?: number | null | undefined;
};

export type StartEvaluationInput = {
  /** `models:/name@alias`, `models:/name/3` or `models:/name`. */
  model: string;
  /** Prompt that the items fill in; needed when they are variables. */
  prompt?: string | null | undefined;
  /** Scores every answer; the best of an item's n is its answer. */
  rewardModel?: string | null | undefined;
  /** By default one greedy answer. */
  sampling?: EvaluationSamplingInput | null | undefined;
  /** Name of the suite. */
  suite: string;
};

/** gain and loss need an interval without 0 and a sign test significant after Holm's correction. */
export type Verdict =
  | 'gain'
  | 'loss'
  | 'no_difference_shown';

export type RegisterBaseModelMutationVariables = Exact<{
  input: RegisterBaseModelInput;
}>;


export type RegisterBaseModelMutation = { registerBaseModel: { id: string, name: string, version: number, licence: string, artefact: { sha256: string, bytes: number } } };

export type CreatePromptVersionMutationVariables = Exact<{
  input: CreatePromptVersionInput;
}>;


export type CreatePromptVersionMutation = { createPromptVersion: { name: string, version: number, variables: Array<string> } };

export type CreateDatasetVersionMutationVariables = Exact<{
  input: CreateDatasetVersionInput;
}>;


export type CreateDatasetVersionMutation = { createDatasetVersion: { id: string, name: string, version: number, rows: number, holdoutRows: number, sealed: boolean, sha256: string } };

export type CreateEvaluationSuiteMutationVariables = Exact<{
  input: CreateEvaluationSuiteInput;
}>;


export type CreateEvaluationSuiteMutation = { createEvaluationSuite: { id: string, name: string, sealed: boolean } };

export type StartEvaluationMutationVariables = Exact<{
  input: StartEvaluationInput;
}>;


export type StartEvaluationMutation = { startEvaluation: { id: string, items: number } };

export type EvaluationProgressSubscriptionVariables = Exact<{
  id: string;
}>;


export type EvaluationProgressSubscription = { evaluationRunProgress: { id: string, status: EvaluationStatus, items: number, done: number, failure: { code: string, message: string } | null } };

export type EvaluationRunQueryVariables = Exact<{
  id: string;
}>;


export type EvaluationRunQuery = { evaluationRun: { id: string, status: EvaluationStatus, items: number, goldMean: number | null, goldBest: number | null, promptTokens: number | null, completionTokens: number | null, seconds: number, cost: number | null, gold: { value: number, low: number, high: number } | null, failure: { code: string, message: string } | null } };

export type EvaluationSamplesQueryVariables = Exact<{
  id: string;
  after?: string | null | undefined;
}>;


export type EvaluationSamplesQuery = { evaluationRun: { samples: { nodes: Array<{ item: number, sample: number, output: string, gold: number, reward: number | null, chosen: boolean }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } } };

export type CompareEvaluationsQueryVariables = Exact<{
  baseline: string;
  runs: Array<string> | string;
}>;


export type CompareEvaluationsQuery = { compareEvaluations: Array<{ runId: string, verdict: Verdict, wins: number, losses: number, ties: number, pValue: number, adjustedPValue: number, difference: { value: number, low: number, high: number } }> };

export type CreateDatasetFromEvaluationMutationVariables = Exact<{
  input: CreateDatasetFromEvaluationInput;
}>;


export type CreateDatasetFromEvaluationMutation = { createDatasetFromEvaluation: { id: string, name: string, version: number, rows: number } };

export type CreateFineTuneJobMutationVariables = Exact<{
  input: CreateFineTuneJobInput;
}>;


export type CreateFineTuneJobMutation = { createFineTuneJob: { id: string, status: FineTuneStatus } };

export type FineTuneProgressSubscriptionVariables = Exact<{
  id: string;
}>;


export type FineTuneProgressSubscription = { fineTuneJobEvents: { type: FineTuneEventType, attempt: number, data: Record<string, unknown>, job: { status: FineTuneStatus, step: number, totalSteps: number, etaSeconds: number | null } } };

export type FineTuneJobQueryVariables = Exact<{
  id: string;
}>;


export type FineTuneJobQuery = { fineTuneJob: { id: string, status: FineTuneStatus, attempt: number, step: number, failure: { code: string, message: string } | null, modelVersion: { id: string, name: string, version: number } | null, summary: { seconds: number, cpuSeconds: number, trainedTokens: number | null, peakMemoryBytes: number } | null, rewardReport: { pairs: number, lengthSpearman: number | null, ece: number, accuracy: { value: number, low: number, high: number }, slices: Array<{ name: string, pairs: number, accuracy: { value: number, low: number, high: number } }> } | null } };

export type LineageQueryVariables = Exact<{
  type: LineageNodeType;
  id: string;
}>;


export type LineageQuery = { lineage: { nodes: Array<{ type: LineageNodeType, id: string, label: string }>, edges: Array<{ from: string, to: string, relation: LineageRelation }> } };

export type SetModelAliasMutationVariables = Exact<{
  model: string;
  alias: string;
  version: number;
}>;


export type SetModelAliasMutation = { setModelAlias: { id: string, name: string, version: number, aliases: Array<string> } };

export type CreateWebhookEndpointMutationVariables = Exact<{
  url: string;
  eventTypes?: Array<string> | string | null | undefined;
}>;


export type CreateWebhookEndpointMutation = { createWebhookEndpoint: { secret: string, endpoint: { id: string } } };

export type LicencesQueryVariables = Exact<{
  ids?: Array<string> | string | null | undefined;
}>;


export type LicencesQuery = { licences: Array<{ id: string, name: string, commercialUse: LicencePermission, duties: Array<string> }> };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}

export const RegisterBaseModelDocument = new TypedDocumentString(`
    mutation RegisterBaseModel($input: RegisterBaseModelInput!) {
  registerBaseModel(input: $input) {
    id
    name
    version
    licence
    artefact {
      sha256
      bytes
    }
  }
}
    `) as unknown as TypedDocumentString<RegisterBaseModelMutation, RegisterBaseModelMutationVariables>;
export const CreatePromptVersionDocument = new TypedDocumentString(`
    mutation CreatePromptVersion($input: CreatePromptVersionInput!) {
  createPromptVersion(input: $input) {
    name
    version
    variables
  }
}
    `) as unknown as TypedDocumentString<CreatePromptVersionMutation, CreatePromptVersionMutationVariables>;
export const CreateDatasetVersionDocument = new TypedDocumentString(`
    mutation CreateDatasetVersion($input: CreateDatasetVersionInput!) {
  createDatasetVersion(input: $input) {
    id
    name
    version
    rows
    holdoutRows
    sealed
    sha256
  }
}
    `) as unknown as TypedDocumentString<CreateDatasetVersionMutation, CreateDatasetVersionMutationVariables>;
export const CreateEvaluationSuiteDocument = new TypedDocumentString(`
    mutation CreateEvaluationSuite($input: CreateEvaluationSuiteInput!) {
  createEvaluationSuite(input: $input) {
    id
    name
    sealed
  }
}
    `) as unknown as TypedDocumentString<CreateEvaluationSuiteMutation, CreateEvaluationSuiteMutationVariables>;
export const StartEvaluationDocument = new TypedDocumentString(`
    mutation StartEvaluation($input: StartEvaluationInput!) {
  startEvaluation(input: $input) {
    id
    items
  }
}
    `) as unknown as TypedDocumentString<StartEvaluationMutation, StartEvaluationMutationVariables>;
export const EvaluationProgressDocument = new TypedDocumentString(`
    subscription EvaluationProgress($id: ID!) {
  evaluationRunProgress(id: $id) {
    id
    status
    items
    done
    failure {
      code
      message
    }
  }
}
    `) as unknown as TypedDocumentString<EvaluationProgressSubscription, EvaluationProgressSubscriptionVariables>;
export const EvaluationRunDocument = new TypedDocumentString(`
    query EvaluationRun($id: ID!) {
  evaluationRun(id: $id) {
    id
    status
    items
    goldMean
    goldBest
    promptTokens
    completionTokens
    seconds
    cost
    gold {
      value
      low
      high
    }
    failure {
      code
      message
    }
  }
}
    `) as unknown as TypedDocumentString<EvaluationRunQuery, EvaluationRunQueryVariables>;
export const EvaluationSamplesDocument = new TypedDocumentString(`
    query EvaluationSamples($id: ID!, $after: String) {
  evaluationRun(id: $id) {
    samples(first: 500, after: $after) {
      nodes {
        item
        sample
        output
        gold
        reward
        chosen
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}
    `) as unknown as TypedDocumentString<EvaluationSamplesQuery, EvaluationSamplesQueryVariables>;
export const CompareEvaluationsDocument = new TypedDocumentString(`
    query CompareEvaluations($baseline: ID!, $runs: [ID!]!) {
  compareEvaluations(baselineRunId: $baseline, runIds: $runs) {
    runId
    verdict
    wins
    losses
    ties
    pValue
    adjustedPValue
    difference {
      value
      low
      high
    }
  }
}
    `) as unknown as TypedDocumentString<CompareEvaluationsQuery, CompareEvaluationsQueryVariables>;
export const CreateDatasetFromEvaluationDocument = new TypedDocumentString(`
    mutation CreateDatasetFromEvaluation($input: CreateDatasetFromEvaluationInput!) {
  createDatasetFromEvaluation(input: $input) {
    id
    name
    version
    rows
  }
}
    `) as unknown as TypedDocumentString<CreateDatasetFromEvaluationMutation, CreateDatasetFromEvaluationMutationVariables>;
export const CreateFineTuneJobDocument = new TypedDocumentString(`
    mutation CreateFineTuneJob($input: CreateFineTuneJobInput!) {
  createFineTuneJob(input: $input) {
    id
    status
  }
}
    `) as unknown as TypedDocumentString<CreateFineTuneJobMutation, CreateFineTuneJobMutationVariables>;
export const FineTuneProgressDocument = new TypedDocumentString(`
    subscription FineTuneProgress($id: ID!) {
  fineTuneJobEvents(id: $id) {
    type
    attempt
    data
    job {
      status
      step
      totalSteps
      etaSeconds
    }
  }
}
    `) as unknown as TypedDocumentString<FineTuneProgressSubscription, FineTuneProgressSubscriptionVariables>;
export const FineTuneJobDocument = new TypedDocumentString(`
    query FineTuneJob($id: ID!) {
  fineTuneJob(id: $id) {
    id
    status
    attempt
    step
    failure {
      code
      message
    }
    modelVersion {
      id
      name
      version
    }
    summary {
      seconds
      cpuSeconds
      trainedTokens
      peakMemoryBytes
    }
    rewardReport {
      pairs
      accuracy {
        value
        low
        high
      }
      slices {
        name
        pairs
        accuracy {
          value
          low
          high
        }
      }
      lengthSpearman
      ece
    }
  }
}
    `) as unknown as TypedDocumentString<FineTuneJobQuery, FineTuneJobQueryVariables>;
export const LineageDocument = new TypedDocumentString(`
    query Lineage($type: LineageNodeType!, $id: ID!) {
  lineage(type: $type, id: $id, direction: up) {
    nodes {
      type
      id
      label
    }
    edges {
      from
      to
      relation
    }
  }
}
    `) as unknown as TypedDocumentString<LineageQuery, LineageQueryVariables>;
export const SetModelAliasDocument = new TypedDocumentString(`
    mutation SetModelAlias($model: String!, $alias: String!, $version: Int!) {
  setModelAlias(model: $model, alias: $alias, version: $version) {
    id
    name
    version
    aliases
  }
}
    `) as unknown as TypedDocumentString<SetModelAliasMutation, SetModelAliasMutationVariables>;
export const CreateWebhookEndpointDocument = new TypedDocumentString(`
    mutation CreateWebhookEndpoint($url: String!, $eventTypes: [String!]) {
  createWebhookEndpoint(url: $url, eventTypes: $eventTypes) {
    endpoint {
      id
    }
    secret
  }
}
    `) as unknown as TypedDocumentString<CreateWebhookEndpointMutation, CreateWebhookEndpointMutationVariables>;
export const LicencesDocument = new TypedDocumentString(`
    query Licences($ids: [String!]) {
  licences(ids: $ids) {
    id
    name
    commercialUse
    duties
  }
}
    `) as unknown as TypedDocumentString<LicencesQuery, LicencesQueryVariables>;