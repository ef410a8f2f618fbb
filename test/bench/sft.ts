import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../../demo/client.js';
import { type ChatMessageInput, CreateFineTuneJobDocument, CreatePromptVersionDocument, FineTuneProgressDocument } from '../../demo/generated/graphql.js';
import { refOf } from '../../demo/progress.js';
import type { Service } from '../../demo/service.js';
import { makeData, readRows, registerBase, uploadDataset } from '../../demo/setting.js';
import { measurePairs, type PairedResult } from './pairs.js';

const HYPERPARAMETERS = { maxSteps: 10, batchSize: 8, learningRate: 0.002, checkpointEverySteps: 10 };
const LORA = { r: 8, alpha: 16, firstLayer: 10 };

async function prepare(client: Client, directory: string) {
  const base = await registerBase(client);
  const { ref } = await uploadDataset(client, { directory }, readRows({ directory }, 'train.jsonl'), { name: 'bench/train', format: 'sft' });
  const [{ messages }] = JSON.parse(readFileSync(join(directory, 'prompts.json'), 'utf8')) as [{ messages: ChatMessageInput[] }];
  const { createPromptVersion: prompt } = await client.request(CreatePromptVersionDocument, { input: { name: 'bench/call', messages } });
  return { model: refOf(base), dataset: ref, prompt: `prompts:/bench/call/${prompt.version}` };
}

/** One SFT job from its mutation to its end, against the same recipe in a TRL script of its own. Whole-process seconds. */
export async function benchSft(service: Service, modelPath: string): Promise<PairedResult> {
  const client = new Client(service.url, service.apiKey);
  const directory = makeData();
  const { dataset, model, prompt } = await prepare(client, directory);
  const work = mkdtempSync(join(tmpdir(), 'triad-bench-sft-'));
  const seconds = async (job: () => Promise<void>) => {
    const start = performance.now();
    await job();
    return (performance.now() - start) / 1000;
  };
  const throughTriad = async () => {
    const { createFineTuneJob: job } = await client.request(CreateFineTuneJobDocument, {
      input: { method: 'sft', model, dataset, prompt, registerAs: 'bench', seed: 1, hyperparameters: HYPERPARAMETERS, lora: LORA },
    });
    let status = '';
    for await (const { fineTuneJobEvents: event } of client.subscribe(FineTuneProgressDocument, { id: job.id })) status = event.job.status;
    if (status !== 'succeeded') throw new Error(`The job ended as ${status}`);
  };
  const bare = async () => {
    const settings = JSON.stringify({ ...HYPERPARAMETERS, ...LORA, model: modelPath, data: join(directory, 'train.jsonl'), output: work });
    const child = spawn(process.env['TRIAD_PYTHON']!, ['test/bench/bare_sft.py', settings], { stdio: ['ignore', 'ignore', 'inherit'] });
    const [code] = (await once(child, 'exit')) as [number];
    if (code !== 0) throw new Error(`bare_sft.py ended with ${code}`);
  };
  try {
    return await measurePairs(
      { name: 'SFT, 10 steps × 8, SmolLM2-135M', subject: 'job through the API', baseline: 'TRL script', unit: 's' },
      () => seconds(throughTriad), () => seconds(bare), 3);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
