import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import type { Gateway } from './gateway.js';
import { makeTinyModel } from './tiny-model.js';

export interface JobEvent {
  cursor: string;
  attempt: number;
  type: string;
  data: Record<string, any>;
  job: { status: string; step: number; totalSteps: number; etaSeconds: number | null };
}

const EVENTS = `subscription ($id: ID!, $after: String) {
  fineTuneJobEvents(id: $id, after: $after) { cursor attempt type at data job { status step totalSteps etaSeconds } } }`;
const JOB = `query ($id: ID!) { fineTuneJob(id: $id) {
  id status attempt step totalSteps etaSeconds registerAs failure { code message }
  modelVersion { id name version kind licence artefact { sha256 } }
  summary { outcome step seconds cpuSeconds trainedTokens peakMemoryBytes }
  rewardReport { pairs accuracy { value low high } slices { name pairs } }
  checkpoints { attempt step } metrics(name: "loss") { step value attempt }
  events(first: 500) { nodes { cursor attempt type data } } } }`;

export const jsonl = (rows: unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** Rows of variables that the prompt of `prepareTraining` renders. */
export const sentences = (from: number, to: number): object[] =>
  Array.from({ length: to - from }, (_, index) => ({ input: { sentence: `turn on lamp ${from + index}` }, completion: `on(lamp ${from + index})` }));

export async function uploadDataset(gateway: Gateway, name: string, rows: unknown[], input: object = {}): Promise<string> {
  const form = new FormData();
  form.append('purpose', 'fine-tune');
  form.append('file', new Blob([jsonl(rows)]), 'rows.jsonl');
  const file = await (await gateway.fetch('/v1/files', { method: 'POST', body: form })).json() as { id: string };
  const { createDatasetVersion: version } = await gateway.graphql(
    'mutation ($input: CreateDatasetVersionInput!) { createDatasetVersion(input: $input) { name version } }',
    { input: { name, fileId: file.id, format: 'sft', licence: 'own', ...input } });
  return `datasets:/${version.name}/${version.version}`;
}

/** The prompt `prompts:/call/1` of the variable `sentence`, and the rows `datasets:/lamps/1` for it, a fifth of them held out. */
export async function prepareInputs(gateway: Gateway): Promise<void> {
  await gateway.graphql('mutation { createPromptVersion(input: { name: "call", messages: [{ role: user, content: "Call: {{sentence}}" }] }) { id } }');
  await uploadDataset(gateway, 'lamps', sentences(0, 40), { holdout: 0.2 });
}

/** The tiny base model `models:/tiny/1`, which a trainer can train, and the inputs. */
export async function prepareTraining(gateway: Gateway): Promise<void> {
  makeTinyModel(gateway.home);
  await gateway.graphql('mutation { registerBaseModel(input: { name: "tiny", source: "tiny", licence: "apache-2.0" }) { id } }');
  await prepareInputs(gateway);
}

export const sftInput = (steps: number, hyperparameters: object = {}) => ({
  method: 'sft', model: 'models:/tiny/1', dataset: 'datasets:/lamps/1', prompt: 'prompts:/call/1', registerAs: 'tuned', seed: 7,
  hyperparameters: { maxSteps: steps, batchSize: 2, learningRate: 0.001, maxLength: 128, ...hyperparameters }, lora: { r: 2, alpha: 4 },
});

export async function createJob(gateway: Gateway, input: object): Promise<string> {
  const { createFineTuneJob } = await gateway.graphql('mutation ($input: CreateFineTuneJobInput!) { createFineTuneJob(input: $input) { id } }', { input });
  return createFineTuneJob.id;
}

export async function readJob(gateway: Gateway, id: string): Promise<any> {
  return (await gateway.graphql(JOB, { id }))['fineTuneJob'];
}

/** Follows a job over graphql-ws until it is over, or until the caller leaves the loop. */
export async function* followJob(gateway: Gateway, id: string, after: string | null = null): AsyncGenerator<JobEvent> {
  const client = createClient({
    url: `${gateway.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, connectionParams: { Authorization: `Bearer ${gateway.key}` }, retryAttempts: 0,
  });
  try {
    for await (const { data, errors } of client.iterate<{ fineTuneJobEvents: JobEvent }>({ query: EVENTS, variables: { id, after } })) {
      if (errors) throw new Error(errors.map((error) => error.message).join('\n'));
      yield data!.fineTuneJobEvents;
    }
  } finally {
    await client.dispose();
  }
}

/** Waits until the job has an event that fits, and answers it. */
export async function untilEvent(gateway: Gateway, id: string, fits: (event: JobEvent) => boolean): Promise<JobEvent> {
  for await (const event of followJob(gateway, id)) {
    if (fits(event)) return event;
  }
  throw new Error(`The job ended without such an event: ${JSON.stringify(await readJob(gateway, id))}`);
}

/** Waits until the job is over and answers it. */
export async function untilOver(gateway: Gateway, id: string): Promise<any> {
  for await (const _ of followJob(gateway, id));
  return readJob(gateway, id);
}
