import { describe, expect, it } from 'vitest';
import { type GivenSettings, settingsOf } from './fine-tune-settings.js';

const LENGTH = { type: 'length', input: '{{sample.output_text}}', per: 10 };
const CALL = { type: 'function_call', input: '{{sample.output_text}}', reference: '{{item.expected}}' };

describe('settings', () => {
  it.each([
    ['sft', 160, { maxSteps: 30, batchSize: 16, learningRate: 2e-4, checkpointEverySteps: 3 }],
    ['dpo', 160, { maxSteps: 10, batchSize: 16, learningRate: 2e-5, checkpointEverySteps: 1 }],
    ['reward', 5, { maxSteps: 1, batchSize: 16, learningRate: 1e-4, checkpointEverySteps: 1 }],
  ] as const)('of %s on %i rows follow from the number of rows', (method, rows, hyperparameters) => {
    expect(settingsOf(method, {}, rows)).toEqual({ seed: 0, hyperparameters, lora: { r: 16, alpha: 32 }, ...(method === 'reward' ? { reward: {} } : {}) });
  });

  it('of grpo: prompts per step are completions over the group, and gold is measured', () => {
    expect(settingsOf('grpo', { rl: { reward: CALL, gold: CALL, groupSize: 6 } }, 90)).toMatchObject({
      hyperparameters: { batchSize: 18, maxSteps: 30, checkpointEverySteps: 3, evalEverySteps: 3 },
      rl: { groupSize: 6, temperature: 1, maxNewTokens: 128, reward: CALL, gold: CALL },
    });
  });

  it('keep what is given, and take null for left out', () => {
    const given: GivenSettings = { seed: 7, hyperparameters: { maxSteps: 4, batchSize: 2, beta: null, scheduler: 'cosine' }, lora: { r: 4, alpha: null }, reward: null, rl: null };
    expect(settingsOf('sft', given, 100)).toEqual({
      seed: 7, hyperparameters: { maxSteps: 4, batchSize: 2, scheduler: 'cosine', learningRate: 2e-4, checkpointEverySteps: 1 }, lora: { r: 4, alpha: 32 },
    });
  });

  it('keep null where it means none: a guard that is switched off', () => {
    expect(settingsOf('grpo', { rl: { reward: LENGTH, guards: { maxKl: null, stop: null } } }, 10).rl?.guards).toEqual({ maxKl: null, stop: false });
  });

  it.each([
    ['sft', { hyperparameters: { maxSteps: 0 } }, 'hyperparameters.maxSteps must be >= 1; it is 0.'],
    ['sft', { hyperparameters: { learningRate: -1 } }, 'hyperparameters.learningRate'],
    ['sft', { hyperparameters: { batchSize: 6, gradientAccumulationSteps: 4 } }, 'batchSize (6) must be a multiple of gradientAccumulationSteps (4)'],
    ['sft', { lora: { dropout: 2 } }, 'lora.dropout'],
    ['sft', { seed: -1 }, 'seed must be >= 0'],
    ['sft', { reward: { layers: 3 } }, 'reward is for method reward'],
    ['dpo', { rl: { reward: LENGTH } }, 'rl is for method grpo'],
    ['grpo', {}, 'needs rl'],
    ['grpo', { rl: { reward: { type: 'python' } } }, 'type must be one of'],
    ['grpo', { rl: { reward: CALL, gold: LENGTH } }, 'measures nothing worth having'],
    ['grpo', { hyperparameters: { batchSize: 9 }, rl: { reward: CALL, groupSize: 4 } }, 'multiple of rl.groupSize (4)'],
    ['grpo', { rl: { reward: CALL, temperature: 0 } }, 'rl.temperature'],
  ] as const)('of %s refuse %j', (method, given, message) => {
    expect(() => settingsOf(method, given as GivenSettings, 100)).toThrow(message);
  });
});
