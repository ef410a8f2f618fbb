/** Second means: tune. SFT with LoRA as a job. */
import type { Client } from './client.js';
import { heading, say } from './print.js';
import { evaluate, refOf, train } from './progress.js';
import { type Candidate, greedy } from './prompt-leg.js';
import { readRows, type Setting, uploadDataset } from './setting.js';

export async function tuneModel(client: Client, setting: Setting, prompt: string): Promise<Candidate> {
  heading('3. Tune: SFT with LoRA');
  const { recipe } = setting;
  const data = await uploadDataset(client, setting, readRows(setting, 'train.jsonl', 0, recipe.rows.train), { name: 'smart-home/train', format: 'sft' });
  const job = await train(client, 'SFT', {
    method: 'sft', model: setting.base, dataset: data.ref, prompt, registerAs: 'smart-home', seed: recipe.seed, ...recipe.sft,
  });
  const model = refOf(job.modelVersion!);
  say(`Registered ${model} (adapter on ${setting.base}).`);
  const evaluation = await evaluate(client, 'SFT', { suite: setting.suite, model, prompt, sampling: greedy(setting) });
  return { name: 'SFT', model, prompt, evaluation, trainingSeconds: job.summary!.seconds, deployable: true };
}
