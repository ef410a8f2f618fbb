/** First means: prompt. Two versions, measured on the sealed suite. */
import type { Client } from './client.js';
import { CreatePromptVersionDocument } from './generated/graphql.js';
import { heading, say } from './print.js';
import { evaluate, type Evaluation } from './progress.js';
import type { Setting } from './setting.js';

/** A model with a prompt and a way of sampling, measured on the sealed suite. */
export interface Candidate {
  name: string;
  model: string;
  /** Reference of its prompt version. */
  prompt: string;
  evaluation: Evaluation;
  /** Seconds of training that it took beyond the base model, all its steps together. */
  trainingSeconds: number;
  /** Whether it can answer by itself (best-of-n needs a reward model beside it). */
  deployable: boolean;
}

export const greedy = (setting: Setting) => ({ n: 1, temperature: 0, maxTokens: setting.recipe.maxTokens, seed: setting.recipe.seed });

export async function measurePrompts(client: Client, setting: Setting): Promise<Candidate[]> {
  heading('2. Prompt: two versions of a prompt, measured');
  const candidates: Candidate[] = [];
  for (const { description, messages } of setting.prompts) {
    const { createPromptVersion: made } = await client.request(CreatePromptVersionDocument, {
      input: { name: 'smart-home/call', type: 'chat', messages, commitMessage: description },
    });
    say(`prompts:/smart-home/call/${made.version}: ${description} (${messages.length} messages, variables ${made.variables.join(', ')})`);
    const prompt = `prompts:/${made.name}/${made.version}`;
    const evaluation = await evaluate(client, `base, ${description}`, { suite: setting.suite, model: setting.base, prompt, sampling: greedy(setting) });
    candidates.push({ name: `base, ${description}`, model: setting.base, prompt, evaluation, trainingSeconds: 0, deployable: true });
  }
  return candidates;
}
