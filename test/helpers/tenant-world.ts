import { Webhook } from 'standardwebhooks';
import type { RequestContext } from '../../src/common/request-context.js';
import { Database } from '../../src/database/database.js';
import { EvaluationProcessor } from '../../src/evaluations/evaluation.processor.js';
import { FineTuneJobLifecycle } from '../../src/fine-tune-jobs/fine-tune-job.lifecycle.js';
import { WebhookDeliveryService } from '../../src/webhooks/webhook-delivery.service.js';
import { createJob, jsonl, sentences, sftInput, uploadDataset } from './fine-tune.js';
import { answered, asked, logCalls, setLogging } from './calls.js';
import type { Gateway } from './gateway.js';
import { writeAdapter } from './run-directory.js';
import { finished, metrics, numbered, postEvents, started } from './run-events.js';
import { contextOf, registerStubModel, registerStubReward } from './stub-model.js';

/** A tenant with one of everything. Each name, and each text that could be read, holds the tenant's marker. */
export interface World {
  /** The gateway with this tenant's key. */
  as: Gateway;
  ctx: RequestContext;
  marker: string;
  prompt: string;
  promptVersionId: string;
  /** In a folder named as the marker, of type text, with the label `spare`; nothing else needs it. */
  sparePrompt: string;
  lamps: string;
  items: string;
  datasetVersionId: string;
  fileId: string;
  /** Of no data set. */
  looseFileId: string;
  base: string;
  baseId: string;
  judge: string;
  judgeId: string;
  tuned: string;
  tunedVersionId: string;
  jobId: string;
  queuedJobId: string;
  runningJob: { id: string; token: string };
  suite: string;
  runId: string;
  otherRunId: string;
  queuedRunId: string;
  provider: string;
  deployment: string;
  deploymentId: string;
  /** One that runs on the prompt's label `tried`, and a draft. */
  experimentId: string;
  draftExperimentId: string;
  endpointId: string;
  deliveryId: string;
  keyId: string;
  /** Things that may be deleted, as nothing else needs them. */
  spareEndpointId: string;
  spareInboundId: string;
  spareKeyId: string;
  spareDeployment: string;
  spareProviderId: string;
  goneProviderId: string;
  replayId: string;
  inboundId: string;
  inboundSecret: string;
  /** Two calls to the same prompt, the first preferred over the second, and the request id of the first. */
  callId: string;
  otherCallId: string;
  callRequestId: string;
  providerId: string;
  /** Of the mutation that made the deployment. */
  requestId: string;
}

export const GRADER = { type: 'string_check', operation: 'eq', input: '{{sample.output_text}}', reference: '{{item.expected}}' };
/** A key that the tenant has used. */
export const idempotencyKey = (marker: string): string => `${marker}-command`;
/** What a fake runtime has to serve for the tenants' evaluations. */
export const servedNames = (markers: string[]): { id: string }[] => markers.map((marker) => ({ id: `${marker}-base` }));

/** The gateway as another key sees it; the helpers that take a gateway then work in that key's project. */
export const withKey = (gateway: Gateway, key: string): Gateway => ({
  ...gateway, key,
  graphql: (query, variables = {}, as = key) => gateway.graphql(query, variables, as),
  fetch: (path, init = {}) => fetch(`${gateway.url}${path}`, { ...init, headers: { authorization: `Bearer ${key}`, ...(init.headers as Record<string, string>) } }),
});

/**
 * Makes one of everything in the project of the gateway's key, through the API where that is possible.
 * @param marker part of every name; letters and digits
 * @param url an OpenAI-compatible server, with `/v1`
 */
export async function makeWorld(as: Gateway, marker: string, url: string): Promise<World> {
  const ctx = await contextOf(as);
  const { createWebhookEndpoint } = await as.graphql('mutation ($url: String!) { createWebhookEndpoint(url: $url) { endpoint { id } } }', { url: `${url}/${marker}` });
  const [data, models] = [await makeData(as, marker), await makeModels(as, marker)];
  const jobs = await makeJobs(as, ctx, marker);
  const runs = await makeRuns(as, ctx, marker);
  const deployed = await deploy(as, marker, url);
  const experiments = await makeExperiments(as, marker);
  const calls = await makeCalls(as, ctx, marker, { ...data, ...models, ...jobs, ...deployed });
  const first = async (table: string): Promise<Record<string, string>> =>
    (await as.app.get(Database).platform.query<Record<string, string>[]>(`SELECT * FROM ${table} WHERE project_id = $1 ORDER BY id LIMIT 1`, [ctx.projectId]))[0]!;
  await as.app.get(WebhookDeliveryService).fanOut(ctx, (await first('events'))['id']!);
  const { auditEntries } = await as.graphql('query ($rowId: String!) { auditEntries(filter: { rowId: $rowId }) { nodes { requestId } } }', { rowId: deployed.deploymentId });
  return {
    as, ctx, marker, ...data, ...models, ...jobs, ...runs, ...deployed, ...experiments, ...calls, endpointId: createWebhookEndpoint.endpoint.id, deliveryId: (await first('webhook_deliveries'))['id']!,
    ...await makeSpares(as, createWebhookEndpoint.endpoint.id, marker, url), keyId: ctx.principal.replace('key:', ''), requestId: auditEntries.nodes[0].requestId,
  };
}

async function makeSpares(as: Gateway, endpointId: string, marker: string, url: string): Promise<Pick<World, 'spareEndpointId' | 'spareInboundId' | 'spareKeyId' | 'spareProviderId' | 'goneProviderId' | 'replayId' | 'inboundId' | 'inboundSecret'>> {
  const made = await as.graphql(`mutation ($endpointId: ID!, $url: String!, $from: DateTime!, $to: DateTime!, $text: String!, $gone: String!) {
    replay: replayWebhooks(endpointId: $endpointId, from: $from, to: $to) { id }
    inbound: createInboundWebhook(provider: standard, description: $text) { secret inboundWebhook { id } }
    spareInbound: createInboundWebhook(provider: standard, description: $text) { inboundWebhook { id } }
    spareEndpoint: createWebhookEndpoint(url: $url, description: $text) { endpoint { id } }
    spareKey: createApiKey(name: $text, role: viewer) { apiKey { id } }
    spareProvider: createProvider(input: { name: $text, baseUrl: $url }) { id }
    goneProvider: createProvider(input: { name: $gone, baseUrl: $url }) { id }
  }`, { endpointId, url: `${url}/${marker}-spare`, from: new Date(0), to: new Date(), text: `${marker}-spare`, gone: `${marker}-gone` });
  await signInbound(as, made['inbound'].inboundWebhook.id, made['inbound'].secret);
  return {
    replayId: made['replay'].id, inboundId: made['inbound'].inboundWebhook.id, inboundSecret: made['inbound'].secret, spareInboundId: made['spareInbound'].inboundWebhook.id,
    spareEndpointId: made['spareEndpoint'].endpoint.id, spareKeyId: made['spareKey'].apiKey.id,
    spareProviderId: made['spareProvider'].id, goneProviderId: made['goneProvider'].id,
  };
}

/** The headers of a webhook `{}` that is signed with a secret. */
export function signed(secret: string, id: string): Record<string, string> {
  const at = new Date();
  return { 'webhook-id': id, 'webhook-timestamp': String(Math.floor(at.getTime() / 1000)), 'webhook-signature': new Webhook(secret).sign(id, at, '{}') };
}

async function signInbound(as: Gateway, id: string, secret: string): Promise<void> {
  const answer = await as.fetch(`/v1/hooks/standard/${id}`, { method: 'POST', headers: { 'content-type': 'application/json', ...signed(secret, 'msg_world') }, body: '{}' });
  if (answer.status !== 200) throw new Error(`The webhook was refused: ${await answer.text()}`);
}

async function makeData(as: Gateway, marker: string): Promise<Pick<World, 'prompt' | 'promptVersionId' | 'sparePrompt' | 'lamps' | 'items' | 'datasetVersionId' | 'fileId' | 'looseFileId'>> {
  const { createPromptVersion } = await as.graphql('mutation ($input: CreatePromptVersionInput!) { createPromptVersion(input: $input) { id } }', {
    input: { name: `${marker}-prompt`, type: 'text', messages: [{ role: 'user', content: `Of ${marker}: {{sentence}}` }], labels: ['production'] },
  });
  const sparePrompt = `${marker}/note`;
  await as.graphql('mutation ($input: CreatePromptVersionInput!, $below: CreatePromptVersionInput!, $labels: [String!]!) { createPromptVersion(input: $input) { id } below: createPromptVersion(input: $below) { id } setProtectedPromptLabels(labels: $labels) }', {
    input: { name: sparePrompt, type: 'text', messages: [{ role: 'user', content: `A note of ${marker}` }], labels: ['spare'] },
    below: { name: `${marker}/sub/note`, messages: [{ role: 'user', content: `Another of ${marker}: {% render "${marker}-prompt" %}` }] }, labels: [`${marker.toLowerCase()}-gold`],
  });
  const lamps = await uploadDataset(as, `${marker}-lamps`, sentences(0, 40).map((row) => ({ ...row, completion: `on ${marker}` })), { holdout: 0.2 });
  const items = await uploadDataset(as, `${marker}-items`, sentences(100, 120).map((row) => ({ ...row, completion: undefined, expected: `${marker}-gold` })), { format: 'prompt', holdout: 0.3 });
  const { dataset } = await as.graphql('query ($ref: String!) { dataset(ref: $ref) { id fileId } }', { ref: lamps });
  const form = new FormData();
  form.append('purpose', 'user_data');
  form.append('file', new Blob([jsonl([{ secret: marker }])]), `${marker}.jsonl`);
  const loose = await (await as.fetch('/v1/files', { method: 'POST', body: form })).json() as { id: string };
  return { prompt: `prompts:/${marker}-prompt`, promptVersionId: createPromptVersion.id, sparePrompt, lamps, items, datasetVersionId: dataset.id, fileId: dataset.fileId, looseFileId: loose.id };
}

async function makeModels(as: Gateway, marker: string): Promise<Pick<World, 'base' | 'baseId' | 'judge' | 'judgeId'>> {
  const base = await registerStubModel(as, `${marker}-base`);
  const judge = await registerStubReward(as, `${marker}-judge`);
  await as.graphql('mutation ($model: String!, $key: String!) { setModelAlias(model: $model, alias: "champion", version: 1, idempotencyKey: $key) { id } }', { model: `${marker}-base`, key: idempotencyKey(marker) });
  return { base: `models:/${marker}-base`, baseId: base.id, judge: `models:/${marker}-judge`, judgeId: judge.id };
}

/** A job that has succeeded, one that runs, and one that waits. */
async function makeJobs(as: Gateway, ctx: RequestContext, marker: string): Promise<Pick<World, 'jobId' | 'queuedJobId' | 'runningJob' | 'tuned' | 'tunedVersionId'>> {
  const lifecycle = as.app.get(FineTuneJobLifecycle);
  const input = { ...sftInput(6), model: `models:/${marker}-base/1`, dataset: `datasets:/${marker}-lamps/1`, prompt: `prompts:/${marker}-prompt@production`, registerAs: `${marker}-tuned` };
  const claim = async () => (await lifecycle.claim(ctx, await createJob(as, input)))!;
  const { job, token } = await claim();
  const checkpoint = await writeAdapter(as, job.id, 1, 'checkpoint-3');
  const artefact = await writeAdapter(as, job.id, 1);
  const log = { type: 'log', level: 'info', message: `The trainer of ${marker}` } as const;
  const { status, body } = await postEvents(as, job.id, token, 1, numbered([
    started(), log, metrics(3), { type: 'checkpoint', path: checkpoint.directory, step: 3, metrics: { loss: 0.5 }, manifest: checkpoint.manifest },
    { type: 'artefact', path: artefact.directory, kind: 'adapter', manifest: artefact.manifest }, finished(),
  ]));
  if (status !== 200) throw new Error(`The events were refused: ${JSON.stringify(body)}`);
  const done = await lifecycle.finish(ctx, { id: job.id, projectId: ctx.projectId, attempt: 1 }, { as: 'succeeded' });
  const running = await claim();
  return {
    jobId: job.id, queuedJobId: await createJob(as, input), runningJob: { id: running.job.id, token: running.token },
    tuned: `models:/${marker}-tuned`, tunedVersionId: done!.modelVersionId!,
  };
}

/** Two runs that have succeeded, and one that waits. */
async function makeRuns(as: Gateway, ctx: RequestContext, marker: string): Promise<Pick<World, 'suite' | 'runId' | 'otherRunId' | 'queuedRunId'>> {
  const suite = `${marker}-suite`;
  await as.graphql('mutation ($input: CreateEvaluationSuiteInput!) { createEvaluationSuite(input: $input) { id } }', { input: { name: suite, dataset: `datasets:/${marker}-items`, grader: GRADER } });
  const start = async (): Promise<string> => (await as.graphql('mutation ($input: StartEvaluationInput!) { startEvaluation(input: $input) { id } }',
    { input: { suite, model: `models:/${marker}-base`, prompt: `prompts:/${marker}-prompt` } }))['startEvaluation'].id;
  const finish = async () => {
    const runId = await start();
    await as.app.get(EvaluationProcessor).handle({ projectId: ctx.projectId, runId }, new AbortController().signal);
    return runId;
  };
  return { suite, runId: await finish(), otherRunId: await finish(), queuedRunId: await start() };
}

async function makeExperiments(as: Gateway, marker: string): Promise<Pick<World, 'experimentId' | 'draftExperimentId'>> {
  const name = `${marker}-prompt`;
  await as.graphql('mutation ($name: String!) { setPromptLabels(name: $name, version: 1, labels: ["tried"]) { id } }', { name });
  await as.graphql('mutation ($input: CreatePromptVersionInput!) { createPromptVersion(input: $input) { id } }', { input: { name, type: 'text', messages: [{ role: 'user', content: `Of ${marker}: {{sentence}}` }] } });
  const draft = async (): Promise<string> => (await as.graphql('mutation ($input: CreateExperimentInput!) { createExperiment(input: $input) { id } }', {
    input: { name: `${marker}-experiment`, subject: `prompts:/${name}@tried`, primaryMetric: 'cost', arms: [{ name: 'new', target: `prompts:/${name}/2` }], guards: [{ metric: 'cost', maxWorse: 1 }] },
  }))['createExperiment'].id;
  const experimentId = await draft();
  await as.graphql('mutation ($id: ID!) { startExperiment(id: $id) { id } }', { id: experimentId });
  return { experimentId, draftExperimentId: await draft() };
}

async function deploy(as: Gateway, marker: string, baseUrl: string): Promise<Pick<World, 'provider' | 'deployment' | 'deploymentId' | 'spareDeployment'>> {
  const [provider, deployment] = [`${marker}-provider`, `${marker}-deployment`];
  await as.graphql('mutation ($input: CreateProviderInput!) { createProvider(input: $input) { id } }', { input: { name: provider, baseUrl, apiKey: `sk-${marker}` } });
  const { createDeployment } = await as.graphql('mutation ($input: CreateDeploymentInput!) { createDeployment(input: $input) { id } }', { input: { name: deployment, target: `models:/${marker}-base@champion` } });
  const spareDeployment = `${marker}-spare-deployment`;
  await as.graphql('mutation ($input: CreateDeploymentInput!) { createDeployment(input: $input) { id } }', { input: { name: spareDeployment, target: `${provider}/x` } });
  return { provider, deployment, deploymentId: createDeployment.id, spareDeployment };
}

/** Two calls of all that a call may name, logged in full and judged. */
async function makeCalls(as: Gateway, ctx: RequestContext, marker: string, named: Pick<World, 'promptVersionId' | 'baseId' | 'deploymentId'>): Promise<Pick<World, 'callId' | 'otherCallId' | 'callRequestId' | 'providerId'>> {
  await setLogging(as, 'full', [{ name: marker, pattern: `secret-of-${marker}` }]);
  const providerId = await firstProvider(as);
  const call = {
    principal: ctx.principal, model: `${marker}-deployment`, target: `models:/${marker}-base/1`, deploymentId: named.deploymentId, providerId, modelVersionId: named.baseId,
    promptVersionId: named.promptVersionId, promptMessages: 1, experimentId: `exp_${marker}`, arm: `${marker}-arm`, stickyKey: `${marker}-user`, metadata: { of: marker }, errorCode: null, variables: { of: marker },
  };
  const [one, other] = await logCalls(as, { ...call, requestId: `${marker}-request`, request: asked(['user', `What of ${marker}?`]), answer: answered(`It is ${marker}.`) }, { ...call, request: asked(['user', `What of ${marker}?`]), answer: answered('No.') });
  await as.graphql('mutation ($id: ID!, $over: ID!, $comment: String!, $metadata: JSONObject!) { addCallFeedback(callId: $id, thumb: true, score: 1, comment: $comment, correctedAnswer: $comment, preferredOverCallId: $over, preferredOverAnswer: $comment, metadata: $metadata) { id } }',
    { id: one!.id, over: other!.id, comment: `Of ${marker}`, metadata: { of: marker } });
  return { callId: one!.id, otherCallId: other!.id, callRequestId: one!.requestId, providerId };
}

const firstProvider = async (as: Gateway): Promise<string> => (await as.graphql('{ providers(first: 1) { nodes { id } } }'))['providers'].nodes[0].id;
