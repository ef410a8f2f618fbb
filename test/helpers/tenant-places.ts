import { GRADER, type World } from './tenant-world.js';

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
export type Place =
  | { kind: 'free'; of: (world: World) => unknown }
  | { kind: 'reference' | 'fresh'; of: (world: World) => unknown; beside: Record<string, Place> };

type Values = Record<string, Place>;
export const free = (value?: unknown): Place => ({ kind: 'free', of: () => value });
export const reference = (of: (world: World) => unknown, beside: Values = {}): Place => ({ kind: 'reference', of, beside });
export const fresh = (of: (world: World) => unknown, beside: Values = {}): Place => ({ kind: 'fresh', of, beside });

/** The caller's own, which goes with something else that it names. */
export const own = (of: (world: World) => unknown): Place => ({ kind: 'free', of });

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

const EDGES = {
  'CreateProviderInput.name': fresh((w) => w.provider),
  'CreateProviderInput.baseUrl': free('http://127.0.0.1:9/v1'),
  'CreateProviderInput.apiKey': free(),
  'CreateProviderInput.kind': free(),
  'CreateProviderInput.headers': free(),
  'ProviderHeaderInput.name': free('x-team'),
  'ProviderHeaderInput.value': free('house'),
  'ModelPriceInput.model': free('*'),
  'ModelPriceInput.input': free(1),
  'ModelPriceInput.output': free(1),
  'ModelPriceInput.cachedInput': free(),
  'ModelPriceInput.cacheWrite': free(),
  'ModelPriceInput.image': free(),
  'Mutation.updateProvider(id:)': reference((w) => w.spareProviderId),
  'UpdateProviderInput.baseUrl': free(),
  'UpdateProviderInput.apiKey': free(),
  'UpdateProviderInput.headers': free(),
  'UpdateProviderInput.prices': free(),
  'Mutation.rotateProviderKey(id:)': reference((w) => w.spareProviderId),
  'Mutation.rotateProviderKey(apiKey:)': free('sk-rotated'),
  'Mutation.testProvider(id:)': reference((w) => w.spareProviderId),
  'Mutation.deleteProvider(id:)': reference((w) => w.goneProviderId),
  'CreateDeploymentInput.name': fresh((w) => w.deployment),
  'CreateDeploymentInput.target': [reference((w) => `${w.base}@champion`), reference((w) => `${w.base}/1`), reference((w) => `${w.provider}/x`)],
  'Mutation.updateDeployment(name:)': reference((w) => w.deployment),
  'Mutation.updateDeployment(expectedRevision:)': free(),
  'Mutation.setDeploymentWeights(name:)': reference((w) => w.deployment),
  'Mutation.setDeploymentWeights(expectedRevision:)': free(),
  'Mutation.deleteDeployment(name:)': reference((w) => w.spareDeployment),
  'Mutation.deleteDeployment(expectedRevision:)': free(),
  'RoutingArmInput.target': reference((w) => `${w.base}@champion`, { 'CreateDeploymentInput.target': free(), 'CreateDeploymentInput.name': fresh((w) => `${w.deployment}-split`) }),
  'RoutingArmInput.weight': free(2),
  'RoutingPolicyInput.fallbacks': reference((w) => [`${w.base}/1`, `${w.provider}/x`]),
  'RoutingPolicyInput.coalesce': free(),
  'RoutingPolicyInput.stickyBy': free(),
  ...Object.fromEntries(['alsoOn', 'backoffBaseMs', 'backoffCapMs', 'budgetPerSecond', 'budgetRatio', 'max', 'retryAfterCapMs'].map((name) => [`RetryPolicyInput.${name}`, free()])),
  ...Object.fromEntries(['firstByteMs', 'idleMs', 'totalMs'].map((name) => [`TimeoutPolicyInput.${name}`, free()])),
  ...Object.fromEntries(['failureRatio', 'minCalls', 'openSeconds', 'windowSeconds'].map((name) => [`BreakerPolicyInput.${name}`, free()])),
  ...Object.fromEntries(['onlyDeterministic', 'ttlSeconds'].map((name) => [`CachePolicyInput.${name}`, free()])),
  'Query.webhookEndpoint(id:)': reference((w) => w.endpointId),
  'Query.webhookReplay(id:)': reference((w) => w.replayId),
  'Query.webhookDeliveries(endpointId:)': reference((w) => w.endpointId),
  'WebhookDeliveryFilter.eventType': free(),
  'WebhookDeliveryFilter.since': free(),
  'WebhookDeliveryFilter.status': free(),
  'WebhookDeliveryFilter.until': free(),
  'Mutation.createWebhookEndpoint(url:)': free('http://127.0.0.1:9/hook'),
  'Mutation.createWebhookEndpoint(eventTypes:)': free([]),
  'Mutation.disableWebhookEndpoint(id:)': reference((w) => w.endpointId),
  'Mutation.enableWebhookEndpoint(id:)': reference((w) => w.endpointId),
  'Mutation.createWebhookEndpoint(description:)': free(),
  'Mutation.deleteWebhookEndpoint(id:)': reference((w) => w.spareEndpointId),
  'Mutation.updateWebhookEndpoint(id:)': reference((w) => w.endpointId),
  'Mutation.updateWebhookEndpoint(expectedRevision:)': free(),
  'Mutation.updateWebhookEndpoint(url:)': free('http://127.0.0.1:9/moved'),
  'Mutation.updateWebhookEndpoint(eventTypes:)': free(),
  'Mutation.updateWebhookEndpoint(description:)': free('moved'),
  'Mutation.rotateWebhookSecret(id:)': reference((w) => w.endpointId),
  'Mutation.rotateWebhookSecret(overlapSeconds:)': free(),
  'Mutation.sendTestWebhook(endpointId:)': reference((w) => w.endpointId),
  'Mutation.replayWebhooks(endpointId:)': reference((w) => w.endpointId),
  'Mutation.replayWebhooks(from:)': free('2026-01-01T00:00:00Z'),
  'Mutation.replayWebhooks(to:)': free('2026-01-02T00:00:00Z'),
  'Mutation.replayWebhooks(eventTypes:)': free(),
  'Mutation.redeliverWebhook(deliveryId:)': reference((w) => w.deliveryId),
  'Query.inboundWebhook(id:)': reference((w) => w.inboundId),
  'Mutation.createInboundWebhook(provider:)': free('standard'),
  'Mutation.createInboundWebhook(secret:)': free(),
  'Mutation.createInboundWebhook(description:)': free(),
  'Mutation.deleteInboundWebhook(id:)': reference((w) => w.spareInboundId),
  'Mutation.rotateInboundWebhookSecret(id:)': reference((w) => w.inboundId),
  'Mutation.rotateInboundWebhookSecret(secret:)': free(),
  'Mutation.rotateInboundWebhookSecret(overlapSeconds:)': free(),
} satisfies Record<string, Place | Place[]>;

const TRIED_MODELS: Values = { 'CreateExperimentInput.subject': reference((w) => w.deployment) };
const EXPERIMENTS = {
  'Query.experiment(id:)': [reference((w) => w.experimentId), reference((w) => w.draftExperimentId)],
  'Mutation.startExperiment(id:)': reference((w) => w.draftExperimentId),
  'Mutation.reshareExperiment(id:)': reference((w) => w.experimentId),
  'Mutation.stopExperiment(id:)': reference((w) => w.experimentId),
  'Mutation.stopExperiment(promote:)': free(),
  'ReshareExperimentInput.allocation': free(0.5),
  'ExperimentWeightInput.arm': free('new'),
  'ExperimentWeightInput.weight': free(2),
  'CreateExperimentInput.name': fresh((w) => `${w.marker}-experiment`),
  'CreateExperimentInput.subject': [reference((w) => `${w.prompt}@tried`), reference((w) => w.deployment, { 'ExperimentArmInput.target': reference((w) => `${w.provider}/x`) }), reference((w) => `${w.base}@champion`, { 'ExperimentArmInput.target': reference((w) => `${w.provider}/x`) })],
  'ExperimentArmInput.name': free('new'),
  'ExperimentArmInput.weight': free(),
  'ExperimentArmInput.target': [reference((w) => `${w.prompt}/2`), reference((w) => `${w.provider}/x`, TRIED_MODELS), reference((w) => `${w.base}/1`, TRIED_MODELS)],
  ...Object.fromEntries(['hypothesis', 'control', 'allocation', 'alpha', 'expectedUnits', 'observeSeconds'].map((name) => [`CreateExperimentInput.${name}`, free()])),
  'CreateExperimentInput.primaryMetric': free('cost'),
  'ExperimentGuardInput.metric': free('cost'),
  'ExperimentGuardInput.maxWorse': free(1),
  'ExperimentGuardInput.limit': free(),
  'ExperimentFilter.subjectName': reference((w) => `${w.marker}-prompt`),
  'ExperimentFilter.status': free(),
  'ExperimentFilter.subject': free(),
} satisfies Record<string, Place | Place[]>;

const named = (type: string): Values => ({ [`${type}Filter.nameContains`]: reference((w) => w.marker), [`${type}Filter.namePrefix`]: reference((w) => w.marker) });
const open = (type: string, ...conditions: string[]): Values => Object.fromEntries(conditions.map((name) => [`${type}Filter.${name}`, free()]));
/** Of things by their keys, as a federation gateway asks for them. */
const entity = (type: string, of: (world: World) => unknown): Place => reference((w) => [{ __typename: type, ...(of(w) as object) }]);
const LISTS = {
  ...['ApiKey', 'Dataset', 'Deployment', 'EvaluationSuite', 'Experiment', 'Model', 'Project', 'Prompt', 'Provider'].reduce<Values>((all, type) => ({ ...all, ...named(type) }), {}),
  ...open('ApiKey', 'role'), ...open('InboundWebhook', 'provider'), ...open('WebhookEndpoint', 'disabled'), ...open('Dataset', 'format'), ...open('DatasetVersion', 'licence', 'sealed'), ...open('EvaluationSuite', 'sealed'), ...open('Prompt', 'archived', 'label', 'tag', 'type'),
  ...open('EvaluationRun', 'status'), ...open('EvaluationSample', 'chosen', 'maxGold', 'minGold'), ...open('FineTuneEvent', 'attempt', 'type'),
  ...open('FineTuneJob', 'method', 'status'), ...open('ModelVersion', 'kind', 'licence'), ...open('PromptVersion', 'tag'),
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

const ACCESS = {
  'AuditFilterInput.principal': reference((w) => `key:${w.keyId}`),
  'AuditFilterInput.requestId': reference((w) => w.requestId),
  'AuditFilterInput.rowId': reference((w) => w.deploymentId),
  'Mutation.createProject(name:)': fresh((w) => w.marker),
  'Mutation.renameProject(id:)': reference((w) => w.ctx.projectId),
  'Mutation.renameProject(name:)': free('renamed'),
  'Mutation.setProjectLimits(projectId:)': reference((w) => w.ctx.projectId),
  'Mutation.createApiKey(name:)': free('new'),
  'Mutation.createApiKey(role:)': free('viewer'),
  'Mutation.createApiKey(expiresAt:)': free(),
  'Mutation.rotateApiKey(id:)': reference((w) => w.spareKeyId),
  'Mutation.rotateApiKey(overlapSeconds:)': free(),
  'Mutation.revokeApiKey(id:)': reference((w) => w.spareKeyId),
  'Mutation.setApiKeyLimits(id:)': reference((w) => w.spareKeyId),
  ...Object.fromEntries(['budget', 'concurrentJobs', 'requestsPerMinute', 'storageBytes', 'tokensPerMinute'].map((name) => [`LimitsInput.${name}`, free()])),
  'AuditFilterInput.operation': free(),
  'AuditFilterInput.outcome': free(),
  'AuditFilterInput.since': free(),
  'AuditFilterInput.until': free(),
} satisfies Values;

const CALLS = {
  'Query.call(id:)': reference((w) => w.callId),
  'Query.callStats(groupBy:)': free('target'),
  ...open('Call', 'operation', 'status', 'failed', 'errorCode', 'cached', 'streamed', 'minLatencyMs', 'maxLatencyMs', 'minCost', 'maxCost', 'minTokens', 'maxTokens', 'hasFeedback', 'thumb', 'minScore', 'maxScore', 'since', 'until'),
  'CallFilter.model': reference((w) => w.deployment), 'CallFilter.target': reference((w) => `${w.base}/1`),
  'CallFilter.deploymentId': reference((w) => w.deploymentId), 'CallFilter.providerId': reference((w) => w.providerId),
  'CallFilter.modelVersionId': reference((w) => w.baseId), 'CallFilter.promptVersionId': reference((w) => w.promptVersionId),
  'CallFilter.experimentId': reference((w) => `exp_${w.marker}`),
  'CallFilter.arm': reference((w) => `${w.marker}-arm`),
  'CallFilter.principal': reference((w) => `key:${w.keyId}`),
  'CallFilter.requestId': reference((w) => w.callRequestId), 'CallFilter.stickyKey': reference((w) => `${w.marker}-user`),
  'CallFilter.text': reference((w) => w.marker),
  'CallMetadataInput.key': free('of'), 'CallMetadataInput.value': reference((w) => w.marker),
  'CallFeedbackFilter.callId': reference((w) => w.callId),
  'CallFeedbackFilter.principal': reference((w) => `key:${w.keyId}`),
  ...open('CallFeedback', 'thumb', 'corrected', 'preferred', 'minScore', 'maxScore'),
  'Mutation.addCallFeedback(callId:)': reference((w) => w.callId),
  'Mutation.addCallFeedback(requestId:)': reference((w) => w.callRequestId, { 'Mutation.addCallFeedback(callId:)': free() }),
  'Mutation.addCallFeedback(preferredOverCallId:)': reference((w) => w.otherCallId, { 'Mutation.addCallFeedback(callId:)': own((w) => w.callId) }),
  'Mutation.addCallFeedback(thumb:)': free(true),
  ...Object.fromEntries(['score', 'comment', 'correctedAnswer', 'preferredOverAnswer', 'metadata'].map((name) => [`Mutation.addCallFeedback(${name}:)`, free()])),
  'Mutation.setCallLogging(mode:)': free('full'), 'Mutation.setCallLogging(retentionDays:)': free(),
  'RedactionSettingInput.name': free('email'), 'RedactionSettingInput.pattern': free(),
  'RedactionSettingInput.replacement': free(),
  'CreateDatasetFromCallsInput.name': fresh((w) => `${w.marker}-lamps`),
  'CreateDatasetFromCallsInput.kind': free('sft'),
  'CreateDatasetFromCallsInput.licence': free('own'),
  ...Object.fromEntries(['prompt', 'minScore', 'includeCorrections', 'dedupe', 'limit', 'holdout'].map((name) => [`CreateDatasetFromCallsInput.${name}`, free()])),
} satisfies Record<string, Place | Place[]>;

export const PLACES: Record<string, Place | Place[]> = { ...PROMPTS, ...DATA, ...MODELS, ...JOBS, ...EVALUATIONS, ...EXPERIMENTS, ...EDGES, ...LISTS, ...ACCESS, ...CALLS };
