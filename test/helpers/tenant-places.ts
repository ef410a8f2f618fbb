import { ACCESS, CALLS, EDGES, EXPERIMENTS } from './tenant-places-edges.js';
import { filters, free, fresh, names, type Place, reference, type Values } from './tenant-place.js';
import { GRADER, type World } from './tenant-world.js';

/** Root fields that tell every tenant the same. */
export const PUBLIC = new Set(['Query.licences', 'Query.webhookEventTypes', 'Query._service']);

/** Root fields that tell numbers only, which say not whose they are. */
export const NAMELESS = new Set<string>();
/** Root fields that refuse every tenant alike. */
export const PLATFORM = new Set(['Query.projects', 'Mutation.createProject', 'Mutation.renameProject', 'Mutation.setProjectLimits']);
const COMMON = /\((?:first|last|after|before|idempotencyKey):\)$|Order\.(?:field|direction)$|Filter\.created(?:After|Before)$/;
/** Whether a coordinate needs no line in PLACES. */
export const isCommon = (coordinate: string): boolean => COMMON.test(coordinate) && !(coordinate in PLACES);

const lineageOf = (type: string, of: (world: World) => string): Place => reference(of, { 'Query.lineage(type:)': free(type) });
const GRPO: Values = { 'CreateFineTuneJobInput.method': free('grpo'), 'CreateFineTuneJobInput.dataset': reference((w) => w.items), 'RlInput.groupSize': free(2) };
const judged = (w: World) => ({ type: 'reward_model', modelVersionId: w.judgeId });
const CALL = { ...GRADER, type: 'function_call', operation: undefined };

const PROMPTS = {
  'Query.prompt(name:)': reference((w) => `${w.marker}-prompt`),
  'Query.prompt(version:)': free(),
  'Query.prompt(label:)': free(),
  'Query.renderPrompt(ref:)': reference((w) => w.prompt),
  'Query.renderPrompt(variables:)': free({ sentence: 'on' }),
  'Mutation.setPromptLabels(name:)': reference((w) => `${w.marker}-prompt`),
  'Mutation.setPromptLabels(version:)': free(1),
  'Mutation.setPromptLabels(expectedVersion:)': free(),
  'Mutation.setPromptLabels(labels:)': free(['moved']),
  'Query.promptFolder(path:)': reference((w) => w.marker),
  'Query.promptDiff(from:)': reference((w) => w.prompt),
  'Query.promptDiff(to:)': reference((w) => w.prompt),
  'Query.exportPrompts(label:)': free('latest'),
  'Mutation.updatePrompt(name:)': reference((w) => `${w.marker}-prompt`),
  'Mutation.updatePrompt(description:)': free('moved'),
  'Mutation.updatePrompt(tags:)': free(['moved']),
  'Mutation.archivePrompt(name:)': reference((w) => w.sparePrompt),
  'Mutation.unarchivePrompt(name:)': reference((w) => w.sparePrompt),
  'Mutation.removePromptLabels(name:)': reference((w) => w.sparePrompt),
  'Mutation.removePromptLabels(labels:)': free(['spare']),
  'Mutation.setProtectedPromptLabels(labels:)': free(['gold']),
  'PromptFileInput.path': fresh((w) => `${w.marker}-prompt.md`),
  'PromptFileInput.content': free('---\ntype: chat\n---\n## user\n\nhi\n'),
  'ImportPromptsInput.dryRun': free(false),
  'ImportPromptsInput.commitMessage': free(),
  'CreatePromptVersionInput.name': fresh((w) => `${w.marker}-prompt`),
  'CreatePromptVersionInput.type': free('chat'),
  'CreatePromptVersionInput.inputSchema': free(),
  'CreatePromptVersionInput.config': free({}),
  'CreatePromptVersionInput.labels': free(['production']),
  'CreatePromptVersionInput.tags': free([]),
  'CreatePromptVersionInput.commitMessage': free(),
  'ChatMessageInput.role': free('user'),
  // Of a prompt it may include another by name: test/integration/prompt-templates.spec.ts.
  'ChatMessageInput.content': free('hi'),
} satisfies Values;

const DATA = {
  'Query.dataset(ref:)': reference((w) => w.lamps),
  'CreateDatasetVersionInput.name': fresh((w) => `${w.marker}-lamps`),
  'CreateDatasetVersionInput.fileId': reference((w) => w.fileId),
  'CreateDatasetVersionInput.format': free('sft'),
  'CreateDatasetVersionInput.licence': free('own'),
  'CreateDatasetVersionInput.holdout': free(0.2),
  'CreateDatasetVersionInput.sealed': free(false),
  'CreateDatasetVersionInput.derivedFrom': [
    reference((w) => w.lamps), reference((w) => `${w.base}@champion`), reference((w) => w.datasetVersionId), reference((w) => w.tunedVersionId),
    reference((w) => w.jobId), reference((w) => w.runId), reference((w) => w.deploymentId),
  ],
} satisfies Record<string, Place | Place[]>;

const MODELS = {
  'Query.licences(ids:)': free(['apache-2.0']),
  'Query.model(name:)': reference((w) => `${w.marker}-base`),
  'Query.modelVersion(ref:)': [reference((w) => `${w.base}/1`), reference((w) => `${w.base}@champion`), reference((w) => w.tuned)],
  'Query.lineage(id:)': [
    lineageOf('model_version', (w) => w.tunedVersionId), lineageOf('dataset_version', (w) => w.datasetVersionId), lineageOf('fine_tune_job', (w) => w.jobId),
    lineageOf('evaluation_run', (w) => w.runId), lineageOf('deployment', (w) => w.deploymentId),
  ],
  'Query.lineage(type:)': free('model_version'),
  'Query.lineage(direction:)': free('up'),
  'Mutation.setModelAlias(model:)': reference((w) => `${w.marker}-base`),
  'Mutation.setModelAlias(version:)': free(1),
  'Mutation.setModelAlias(expectedVersion:)': free(),
  'Mutation.setModelAlias(alias:)': free('moved'),
  'RegisterBaseModelInput.name': fresh((w) => `${w.marker}-base`),
  // A directory that the operator of the server put below TRIAD_HOME/models: it belongs to no tenant.
  'RegisterBaseModelInput.source': free('tenanta-base'),
  'RegisterBaseModelInput.licence': free('apache-2.0'),
  'RegisterBaseModelInput.description': free(),
  'ScoreAnswersInput.rewardModel': reference((w) => w.judge),
} satisfies Record<string, Place | Place[]>;

const JOBS = {
  'Query.fineTuneJob(id:)': reference((w) => w.jobId),
  'FineTuneJob.metrics(name:)': free('loss'),
  'Mutation.cancelFineTuneJob(id:)': [reference((w) => w.queuedJobId), reference((w) => w.runningJob.id), reference((w) => w.jobId)],
  'Subscription.fineTuneJobEvents(id:)': reference((w) => w.jobId),
  'CreateFineTuneJobInput.method': free('sft'),
  'CreateFineTuneJobInput.model': [reference((w) => w.base), reference((w) => w.tuned)],
  'CreateFineTuneJobInput.dataset': reference((w) => w.lamps),
  'CreateFineTuneJobInput.prompt': reference((w) => w.prompt),
  'CreateFineTuneJobInput.registerAs': fresh((w) => `${w.marker}-tuned`),
  'CreateFineTuneJobInput.seed': free(),
  'RlInput.reward': reference(judged, GRPO),
  'RlInput.gold': reference(judged, { ...GRPO, 'RlInput.reward': free(CALL) }),
  ...Object.fromEntries(['groupSize', 'temperature', 'maxNewTokens'].map((name) => [`RlInput.${name}`, free()])),
  ...Object.fromEntries(['maxKl', 'maxLengthRatio', 'stop'].map((name) => [`RlGuardsInput.${name}`, free()])),
  ...Object.fromEntries(['r', 'alpha', 'dropout', 'firstLayer'].map((name) => [`LoraInput.${name}`, free()])),
  'RewardModelInput.layers': free(),
  ...Object.fromEntries(['maxSteps', 'batchSize', 'beta', 'checkpointEverySteps', 'evalEverySteps', 'gradientAccumulationSteps', 'learningRate', 'maxLength', 'scheduler', 'warmupSteps', 'weightDecay']
    .map((name) => [`HyperparametersInput.${name}`, free()])),
} satisfies Record<string, Place | Place[]>;

const EVALUATIONS = {
  'Query.evaluationRun(id:)': reference((w) => w.runId),
  'Query.evaluationRuns(suite:)': reference((w) => w.suite),
  'Query.evaluationSuite(name:)': reference((w) => w.suite),
  'Query.compareEvaluations(baselineRunId:)': reference((w) => w.runId),
  'Query.compareEvaluations(runIds:)': reference((w) => w.otherRunId),
  'Mutation.cancelEvaluation(id:)': [reference((w) => w.queuedRunId), reference((w) => w.runId)],
  'Subscription.evaluationRunProgress(id:)': [reference((w) => w.runId), reference((w) => w.queuedRunId)],
  'CreateEvaluationSuiteInput.name': fresh((w) => w.suite),
  'CreateEvaluationSuiteInput.dataset': reference((w) => w.items),
  'CreateEvaluationSuiteInput.grader': free(GRADER),
  'CreateEvaluationSuiteInput.sealed': free(),
  'StartEvaluationInput.suite': reference((w) => w.suite),
  'StartEvaluationInput.model': reference((w) => w.base),
  'StartEvaluationInput.prompt': reference((w) => w.prompt),
  'StartEvaluationInput.rewardModel': reference((w) => w.judge),
  ...Object.fromEntries(['maxTokens', 'n', 'seed', 'temperature'].map((name) => [`EvaluationSamplingInput.${name}`, free()])),
  'CreateDatasetFromEvaluationInput.runId': reference((w) => w.runId),
  'CreateDatasetFromEvaluationInput.name': fresh((w) => `${w.marker}-lamps`),
  'CreateDatasetFromEvaluationInput.select': free('best_by_gold'),
  'CreateDatasetFromEvaluationInput.keep': free(),
  'CreateDatasetFromEvaluationInput.licence': free(),
} satisfies Record<string, Place | Place[]>;

/** Of things by their keys, as a federation gateway asks for them. */
const entity = (type: string, of: (world: World) => unknown): Place => reference((w) => [{ __typename: type, ...(of(w) as object) }]);
const LISTS = {
  ...['ApiKey', 'Dataset', 'Deployment', 'EvaluationSuite', 'Experiment', 'Model', 'Project', 'Prompt', 'Provider'].reduce<Values>((all, type) => ({ ...all, ...names(type) }), {}),
  ...filters('ApiKey', 'role'), ...filters('InboundWebhook', 'provider'), ...filters('WebhookEndpoint', 'disabled'), ...filters('Dataset', 'format'), ...filters('DatasetVersion', 'licence', 'sealed'), ...filters('EvaluationSuite', 'sealed'), ...filters('Prompt', 'archived', 'label', 'tag', 'type'),
  ...filters('EvaluationRun', 'status'), ...filters('EvaluationSample', 'chosen', 'maxGold', 'minGold'), ...filters('FineTuneEvent', 'attempt', 'type'),
  ...filters('FineTuneJob', 'method', 'status'), ...filters('ModelVersion', 'kind', 'licence'), ...filters('PromptVersion', 'tag'),
  'PromptFilter.folder': reference((w) => w.marker),
  'PromptFilter.search': reference((w) => w.marker),
  'DeploymentFilter.target': reference((w) => `${w.base}@champion`),
  'EvaluationRunFilter.modelVersionId': reference((w) => w.baseId),
  'EvaluationRunFilter.promptVersionId': reference((w) => w.promptVersionId),
  'FineTuneJobFilter.registerAs': reference((w) => `${w.marker}-tuned`),
  'PromptVersionFilter.createdBy': reference((w) => `key:${w.keyId}`),
  'Query._entities(representations:)': [
    entity('FineTuneJob', (w) => ({ id: w.jobId })), entity('DatasetVersion', (w) => ({ id: w.datasetVersionId })), entity('ModelVersion', (w) => ({ id: w.tunedVersionId })),
    entity('EvaluationRun', (w) => ({ id: w.runId })), entity('Deployment', (w) => ({ id: w.deploymentId })), entity('PromptVersion', (w) => ({ id: w.promptVersionId })),
    entity('Experiment', (w) => ({ id: w.experimentId })),
  ],
} satisfies Record<string, Place | Place[]>;

/**
 * What a caller may put where in the GraphQL schema, one line per coordinate (`Query.fineTuneJob(id:)`,
 * `CreateFineTuneJobInput.dataset`). test/faults/tenants.spec.ts fails for a coordinate that is not here. To add one:
 *
 * - `reference((w) => w.jobId)`: it names something there is. Give tenant `w`'s own; a new kind of thing is made in
 *   `makeWorld` first. Called with the other tenant's it must answer as for a thing that does not exist, and leave the
 *   other's rows alone; with the caller's own it must answer differently. A list of references tries each: one per kind
 *   of thing, or with `{ 'Other.coordinate': value }` where it is only looked at beside other values.
 * - `fresh((w) => …)`: the name or key of something to be made. One that the other tenant has taken is still free.
 * - `free(value)`: it can name nothing; `value` is valid, and `free()` leaves it out. `own((w) => …)`: such as a signature.
 *
 * Paging arguments (first, last, after, before) and idempotencyKey need no line: they have tests of their own. Nor do orders
 * and times of lists (…Order.field, …Filter.createdAfter), which are left out. Root fields
 * that answer the same to everyone are in PUBLIC, those that only platform keys may call in PLATFORM.
 */
export const PLACES: Record<string, Place | Place[]> = { ...PROMPTS, ...DATA, ...MODELS, ...JOBS, ...EVALUATIONS, ...EXPERIMENTS, ...EDGES, ...LISTS, ...ACCESS, ...CALLS };
