/** Third means: reward. A reward model from preferences, the policy's own mistakes among them; then a better policy. */
import type { Client } from './client.js';
import { CreateDatasetFromEvaluationDocument, CreateEvaluationSuiteDocument, EvaluationSamplesDocument } from './generated/graphql.js';
import { fixed, heading, interval, say, table } from './print.js';
import { evaluate, type Evaluation, refOf, train } from './progress.js';
import { type Candidate, greedy } from './prompt-leg.js';
import { readRows, type Row, type Setting, uploadDataset } from './setting.js';

/** Samples the policy on open prompts; answers the run and the rows that were asked. */
async function rollOut(client: Client, setting: Setting, policy: Candidate, name: string, rows: Row[], rewardModel: string | null): Promise<Evaluation> {
  const { recipe } = setting;
  const data = await uploadDataset(client, setting, rows, { name: `smart-home/${name}`, format: 'prompt' });
  const { createEvaluationSuite: suite } = await client.request(CreateEvaluationSuiteDocument, {
    input: { name: `smart-home/${name}-${data.version}`, dataset: data.ref, grader: setting.grader, sealed: false },
  });
  return evaluate(client, `${recipe.sampling.n} answers to each of ${rows.length} new prompts`, {
    suite: suite.name, model: policy.model, prompt: policy.prompt, rewardModel,
    sampling: { ...recipe.sampling, maxTokens: recipe.maxTokens, seed: recipe.seed },
  });
}

/** The policy's own wrong answers, each against the right one; the same pair once. */
async function ownMistakes(client: Client, run: Evaluation, rows: Row[]): Promise<object[]> {
  const pairs = new Map<string, object>();
  let after: string | null = null;
  do {
    const { evaluationRun } = await client.request(EvaluationSamplesDocument, { id: run.id, after }) as { evaluationRun: { samples: { nodes: { item: number; output: string; gold: number }[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } } } };
    for (const { item, output, gold } of evaluationRun.samples.nodes) {
      const { input, expected } = rows[item]!;
      const rejected = output.trim();
      if (gold === 0 && rejected) pairs.set(`${item} ${rejected}`, { input, chosen: expected, rejected, slice: 'policy' });
    }
    after = evaluationRun.samples.pageInfo.hasNextPage ? evaluationRun.samples.pageInfo.endCursor : null;
  } while (after);
  return [...pairs.values()];
}

export async function trainRewardModel(client: Client, setting: Setting, policy: Candidate): Promise<{ model: string; seconds: number }> {
  heading('4. Reward: a reward model from preferences');
  const { recipe } = setting;
  const rows = readRows(setting, 'rl.jsonl', 0, recipe.rows.mistakes);
  const samples = await rollOut(client, setting, policy, 'mistakes', rows, null);
  const own = await ownMistakes(client, samples, rows);
  const synthetic = readRows(setting, 'preferences-synthetic.jsonl', 0, recipe.rows.preferences);
  say(`Pairs: ${synthetic.length} synthetic (easy and hard), ${own.length} from the policy's own wrong answers.`);
  const data = await uploadDataset(client, setting, [...synthetic, ...own], {
    name: 'smart-home/preferences', format: 'preference', holdout: recipe.rewardHoldout, derivedFrom: [samples.id],
  });
  const job = await train(client, 'Reward model', {
    method: 'reward', model: policy.model, dataset: data.ref, prompt: policy.prompt, registerAs: 'smart-home-reward', seed: recipe.seed, ...recipe.rewardModel,
  });
  const report = job.rewardReport!;
  table(['held-out pairs', 'pairs', 'accuracy (95%)'], [
    ...report.slices.map((slice) => [slice.name === 'policy' ? "policy's own answers" : slice.name, String(slice.pairs), interval(slice.accuracy)]),
    ['all', String(report.pairs), interval(report.accuracy)],
  ]);
  say(`Rank correlation of reward with length ${fixed(report.lengthSpearman)}; calibration error ${fixed(report.ece)}. Accuracy on synthetic pairs does not tell how useful it is; the policy's own do.`);
  return { model: refOf(job.modelVersion!), seconds: job.summary!.seconds };
}

export async function improvePolicy(client: Client, setting: Setting, policy: Candidate, reward: { model: string; seconds: number }): Promise<Candidate[]> {
  heading('5. Reward: the policy improved with it, and the control of equal extra training');
  const { recipe } = setting;
  const { prompt } = policy;
  const bestOf = await evaluate(client, `best of ${recipe.bestOf} by the reward model`, {
    suite: setting.suite, model: policy.model, prompt, rewardModel: reward.model,
    sampling: { n: recipe.bestOf, temperature: recipe.sampling.temperature, maxTokens: recipe.maxTokens, seed: recipe.seed },
  });
  say(`A perfect choice among the same ${recipe.bestOf} answers would reach ${fixed(bestOf.goldBest)}; a random one ${fixed(bestOf.goldMean)}.`);
  const rows = readRows(setting, 'rl.jsonl', recipe.rows.mistakes, recipe.rows.mistakes + recipe.rows.rejection);
  const samples = await rollOut(client, setting, policy, 'rejection', rows, reward.model);
  const { createDatasetFromEvaluation: best } = await client.request(CreateDatasetFromEvaluationDocument, {
    input: { runId: samples.id, name: 'smart-home/rejection-sampled', select: 'best_by_reward', keep: recipe.rejectionKeep },
  });
  say(`Data set ${best.name}/${best.version}: the best of each ${recipe.sampling.n} by the reward model, ${recipe.rejectionKeep < 1 ? `the surest ${fixed(100 * recipe.rejectionKeep, 0)}% of them, ` : ''}${best.rows} rows.`);
  const gold = await uploadDataset(client, setting, rows.map(({ input, expected }) => ({ input, completion: expected })), { name: 'smart-home/control', format: 'sft' });

  const further = async (label: string, dataset: string, extraSeconds: number): Promise<Candidate> => {
    const job = await train(client, label, { method: 'sft', model: policy.model, dataset, prompt, registerAs: 'smart-home', seed: recipe.seed, ...recipe.rejection });
    const model = refOf(job.modelVersion!);
    const evaluation = await evaluate(client, label, { suite: setting.suite, model, prompt, sampling: greedy(setting) });
    return { name: label, model, prompt, evaluation, trainingSeconds: policy.trainingSeconds + extraSeconds + job.summary!.seconds, deployable: true };
  };
  const rejection = await further('SFT + rejection sampling', `datasets:/${best.name}/${best.version}`, reward.seconds);
  const control = await further('control: gold answers, same prompts', gold.ref, 0);
  return [
    { name: `SFT, best of ${recipe.bestOf}`, model: policy.model, prompt, evaluation: bestOf, trainingSeconds: policy.trainingSeconds + reward.seconds, deployable: false },
    rejection,
    control,
  ];
}
