import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CreateFineTuneJobInput } from './generated/graphql.js';

type JobRecipe = Pick<CreateFineTuneJobInput, 'hyperparameters' | 'lora' | 'reward' | 'rl'>;

/** Sizes and hyperparameters of one variant of the demo (recipe.json); no results. */
export interface Recipe {
  seed: number;
  /** Rows of each file that are used. */
  rows: { test: number; train: number; mistakes: number; rejection: number; gamed: number; preferences: number };
  maxTokens: number;
  sampling: { n: number; temperature: number };
  bestOf: number;
  rewardHoldout: number;
  /** Share of the rejection-sampled answers that are trained on, highest reward first. */
  rejectionKeep: number;
  sft: JobRecipe;
  rewardModel: JobRecipe;
  rejection: JobRecipe;
  gamed: JobRecipe;
}

export function loadRecipe(variant: 'full' | 'quick'): Recipe {
  return (JSON.parse(readFileSync(join('demo', 'recipe.json'), 'utf8')) as Record<string, Recipe>)[variant]!;
}
