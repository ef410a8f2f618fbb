/** A reward that is easy to game, and what a gold score beside it shows. */
import type { Client } from './client.js';
import { fixed, heading, say, table } from './print.js';
import { type Metrics, train } from './progress.js';
import type { Candidate } from './prompt-leg.js';
import { readRows, type Setting, uploadDataset } from './setting.js';

export async function gameReward(client: Client, setting: Setting, policy: Candidate): Promise<void> {
  heading('6. A reward that is gamed: "longer is better"');
  const { recipe } = setting;
  const start = recipe.rows.mistakes + recipe.rows.rejection;
  const rows = readRows(setting, 'rl.jsonl', start, start + recipe.rows.gamed);
  const data = await uploadDataset(client, setting, rows, { name: 'smart-home/gamed', format: 'prompt', holdout: 0.25 });
  const steps: { step: number; metrics: Metrics }[] = [];
  const warnings: string[] = [];
  await train(client, 'GRPO on length', {
    method: 'grpo', model: policy.model, dataset: data.ref, prompt: policy.prompt, registerAs: 'smart-home-gamed', seed: recipe.seed, ...recipe.gamed,
  }, { metrics: (step, metrics) => steps.push({ step, metrics }), warn: (message) => warnings.push(message) });
  table(['step', 'reward (length)', 'KL', 'answer length', 'gold, held out'],
    mergeByStep(steps).map(({ step, metrics }) => [String(step), fixed(metrics['reward']), fixed(metrics['kl'], 3), fixed(metrics['completion_length'], 1), fixed(metrics['gold'])]));
  warnings.forEach((warning) => say(`Guard: ${warning}`));
  const [first, last] = [firstWith(steps, 'gold'), firstWith(steps.toReversed(), 'gold')];
  const [rewardBefore, rewardAfter] = [firstWith(steps, 'reward'), firstWith(steps.toReversed(), 'reward')];
  const rewardRose = (rewardAfter ?? 0) > (rewardBefore ?? 0);
  const goldFell = (last ?? 0) < (first ?? 0);
  say(`Reward ${fixed(rewardBefore)} → ${fixed(rewardAfter)}, gold ${fixed(first)} → ${fixed(last)}: ${rewardRose && goldFell ? 'they part ways; without the gold score this run would look like a success.' : 'in this run they did not part ways.'}`);
}

const firstWith = (steps: { metrics: Metrics }[], name: string): number | null =>
  steps.find(({ metrics }) => metrics[name] != null)?.metrics[name] ?? null;

function mergeByStep(steps: { step: number; metrics: Metrics }[]): { step: number; metrics: Metrics }[] {
  const merged = new Map<number, Metrics>();
  for (const { step, metrics } of steps) merged.set(step, { ...merged.get(step), ...metrics });
  return [...merged].sort(([a], [b]) => a - b).map(([step, metrics]) => ({ step, metrics }));
}
