import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EntityManager } from 'typeorm';
import { ApiKeyEntity } from '../../src/auth/auth.entity.js';
import { CallEntity, CallFeedbackEntity } from '../../src/calls/call.entity.js';
import { AuditChangeEntity, AuditEntryEntity } from '../../src/commands/command.entity.js';
import { newId } from '../../src/common/ids.js';
import { DatasetEntity, DatasetVersionEntity } from '../../src/datasets/dataset.entity.js';
import { DeploymentEntity, ProviderEntity } from '../../src/deployments/deployment.entity.js';
import { EvaluationRunEntity, EvaluationSampleEntity, EvaluationSuiteEntity } from '../../src/evaluations/evaluation.entity.js';
import { ExperimentArmEntity, ExperimentEntity } from '../../src/experiments/experiment.entity.js';
import { FineTuneCheckpointEntity, FineTuneEventEntity, FineTuneJobEntity } from '../../src/fine-tune-jobs/fine-tune-job.entity.js';
import { ArtefactEntity, LineageEdgeEntity, ModelAliasEntity, ModelEntity, ModelVersionEntity } from '../../src/models/model.entity.js';
import { PromptEntity, PromptLabelEntity, PromptVersionEntity } from '../../src/prompts/prompt.entity.js';
import { InboundWebhookEntity } from '../../src/webhooks/inbound/inbound-webhook.entity.js';
import { EventEntity, WebhookDeliveryEntity, WebhookEndpointEntity } from '../../src/webhooks/webhook.entity.js';

const REPORT = { pairs: 1, prompts: 1, accuracy: { value: 1, low: 1, high: 1 }, slices: [], lengthBaselineAccuracy: 0.5, lengthSpearman: null, ece: 0, nll: 0 };
const MANIFEST = { sha256: '0'.repeat(64), bytes: 1, files: [{ path: 'a', sha256: '0'.repeat(64), bytes: 1 }] };
const SAMPLING = { n: 1, temperature: 0, maxTokens: 1, seed: 0 };
const by = { createdBy: 'key:test' };

/** Fills every list of a project with `count` rows, each with its children and its links, by INSERTs alone. */
export async function seedProject(manager: EntityManager, home: string, projectId: string, count: number): Promise<void> {
  mkdirSync(join(home, 'seed'), { recursive: true });
  writeFileSync(join(home, 'seed/rows.jsonl'), '{"prompt":[]}\n{"prompt":[]}\n');
  const endpointId = newId('whk');
  for (let index = 0; index < count; index++) await seedRow(manager, projectId, `thing-${String(index).padStart(3, '0')}`, index, endpointId);
  await manager.insert(WebhookEndpointEntity, { id: endpointId, projectId, url: 'https://example.com/first', eventTypes: [], encryptedSecret: 'x' });
}

async function seedRow(manager: EntityManager, projectId: string, name: string, index: number, endpointId: string): Promise<void> {
  const prompt = { id: newId('prm'), projectId, name, type: 'chat' as const, latestVersion: 2 };
  const promptVersion = { projectId, promptId: prompt.id, name, type: 'chat' as const, messages: [], variables: [], inputSchema: { type: 'object' }, includes: [`${name}@production`], config: {}, tags: [], ...by };
  const promptVersionId = newId('prmv');
  await manager.insert(PromptEntity, prompt);
  await manager.insert(PromptVersionEntity, [{ ...promptVersion, id: promptVersionId, version: 1 }, { ...promptVersion, id: newId('prmv'), version: 2 }]);
  await manager.insert(PromptLabelEntity, { projectId, promptId: prompt.id, label: 'production', version: 1 });

  const experiment = { id: newId('exp'), projectId, name, subject: 'prompt' as const, subjectName: name, label: 'production', control: 'a', primaryMetric: 'cost' as const };
  await manager.insert(ExperimentEntity, {
    ...experiment, status: 'halted', allocation: 1, alpha: 0.05, expectedUnits: 1000, observeSeconds: 0, weightings: [[1, 1]], guards: [{ metric: 'cost', maxWorse: 1, limit: null }],
    halt: { metric: 'cost', arm: 'b', message: 'x' }, startedAt: new Date(), ...by,
  });
  await manager.insert(ExperimentArmEntity, ['a', 'b'].map((arm, position) => ({
    id: newId('arm'), projectId, experimentId: experiment.id, name: arm, position, weight: 1, promptVersionId: position === 0 ? promptVersionId : null, promptVersion: position + 1,
  })));

  const dataset = { id: newId('ds'), projectId, name, format: 'sft' as const, latestVersion: 1 };
  const datasetVersionId = newId('dsv');
  await manager.insert(DatasetEntity, dataset);
  await manager.insert(DatasetVersionEntity, { id: datasetVersionId, projectId, datasetId: dataset.id, name, version: 1, format: 'sft', rows: 2, sha256: 'x', path: 'seed/rows.jsonl', licence: 'own', ...by });

  const jobId = newId('ftjob');
  const model = { id: newId('mdl'), projectId, name, latestVersion: 2 };
  const artefactId = newId('art');
  const modelVersion = { projectId, modelId: model.id, name, artefactId, licence: 'own', promptVersionId, ...by };
  const [baseId, rewardId] = [newId('mdlv'), newId('mdlv')];
  await manager.insert(ModelEntity, model);
  await manager.insert(ArtefactEntity, { id: artefactId, projectId, sha256: name, bytes: 1, path: 'x', manifest: MANIFEST as object });
  await manager.insert(ModelVersionEntity, [{ ...modelVersion, id: baseId, version: 1, kind: 'base' }, { ...modelVersion, id: rewardId, version: 2, kind: 'reward', jobId }]);
  await manager.insert(ModelAliasEntity, { projectId, modelId: model.id, alias: 'champion', version: 1, movedBy: 'test' });

  await manager.insert(FineTuneJobEntity, {
    id: jobId, projectId, status: 'succeeded', finishedAt: new Date(), method: 'reward', fromVersionId: baseId, datasetVersionId, promptVersionId, modelVersionId: rewardId, registerAs: name,
    settings: { hyperparameters: { maxSteps: 2 } } as object, rewardReport: REPORT as object, ...by,
  });
  await manager.insert(FineTuneEventEntity, [1, 2].map((seq) => ({ projectId, jobId, attempt: 1, seq, type: 'metrics' as const, data: { step: seq, metrics: { loss: 1 / seq } }, at: new Date() })));
  await manager.insert(FineTuneCheckpointEntity, [1, 2].map((step) => ({ id: newId('ckpt'), projectId, jobId, attempt: 1, step, path: 'x', manifest: MANIFEST, metrics: {} })));

  const [suiteId, runId] = [newId('suite'), newId('eval')];
  await manager.insert(EvaluationSuiteEntity, { id: suiteId, projectId, name, datasetVersionId, grader: { type: 'string_check' } as object, sealed: false });
  await manager.insert(EvaluationRunEntity, {
    id: runId, projectId, status: 'succeeded', finishedAt: new Date(), suiteId, modelVersionId: baseId, promptVersionId, rewardVersionId: rewardId, sampling: SAMPLING, items: 2, done: 2,
    gold: index % 4 === 3 ? null : { value: (index * 7 % 10) / 10, low: 0, high: 1 }, ...by,
  });
  await manager.insert(EvaluationSampleEntity, [0, 1].map((item) => ({ id: newId('smpl'), projectId, runId, item, sample: 0, output: '', gold: item, chosen: true, promptTokens: 1, completionTokens: 1, finishReason: 'stop' })));

  await manager.insert(LineageEdgeEntity, { id: newId('edge'), projectId, fromType: 'prompt_version', fromId: promptVersionId, toType: 'evaluation_run', toId: runId, relation: 'rendered_with' });

  const entryId = newId('aud');
  await manager.insert(AuditEntryEntity, { id: entryId, projectId, principal: 'key:test', role: 'admin', operation: 'test', arguments: {}, requestId: 'req-test', outcome: 'ok' });
  await manager.insert(AuditChangeEntity, { projectId, entryId, table: 'prompts', rowId: prompt.id, before: null, after: {} });
  await manager.insert(InboundWebhookEntity, { id: newId('whin'), projectId, provider: 'standard', encryptedSecret: 'x' });
  // The project's own key is one of the rows.
  if (index > 0) await manager.insert(ApiKeyEntity, { id: newId('key'), projectId, name, hash: `${projectId} ${name}`, role: 'viewer' });

  const callId = newId('call');
  await manager.insert(CallEntity, {
    id: callId, projectId, at: new Date(), logged: 'full', principal: 'key:test', requestId: name, operation: 'chat', model: name, promptVersionId, modelVersionId: baseId, status: 200, streamed: false, cached: false,
    attempts: 1, latencyMs: index, promptTokens: 1, completionTokens: 1, cost: 0, variables: {}, request: {}, answer: {},
  });
  await manager.insert(CallFeedbackEntity, { id: newId('fb'), projectId, callId, principal: 'key:test', thumb: true });

  await manager.insert(ProviderEntity, { id: newId('prov'), projectId, name, baseUrl: 'https://example.com/v1' });
  await manager.insert(DeploymentEntity, { id: newId('dep'), projectId, name, target: `models:/${name}` });
  const eventId = newId('evt');
  await manager.insert(EventEntity, { id: eventId, projectId, type: 'model.alias.moved', data: {}, fannedOutAt: new Date() });
  await manager.insert(WebhookDeliveryEntity, { id: newId('whd'), projectId, eventId, endpointId, status: 'delivered', nextAttemptAt: null });
  if (index > 0) await manager.insert(WebhookEndpointEntity, { id: newId('whk'), projectId, url: `https://example.com/${name}`, eventTypes: [], encryptedSecret: 'x' });
}
