import { Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import { newId } from '../common/ids.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { LineageService } from '../models/lineage.service.js';
import { ModelService } from '../models/model.service.js';
import { PromptService } from '../prompts/prompt.service.js';
import { EvaluationItems } from './evaluation-items.js';
import type { EvaluationRunEntity, Sampling } from './evaluation.entity.js';
import { EvaluationLifecycle } from './evaluation.lifecycle.js';
import { SuiteService } from './suite.service.js';

export interface NewEvaluation {
  suite: string;
  model: string;
  prompt?: string | null;
  /** By default one greedy answer of up to 256 tokens. */
  sampling?: Sampling | null;
  rewardModel?: string | null;
}

const GREEDY: Sampling = { n: 1, temperature: 0, maxTokens: 256, seed: 0 };

@Injectable()
export class EvaluationStarter {
  constructor(
    private readonly database: Database,
    private readonly lifecycle: EvaluationLifecycle,
    private readonly suites: SuiteService,
    private readonly items: EvaluationItems,
    private readonly models: ModelService,
    private readonly prompts: PromptService,
    private readonly lineage: LineageService,
  ) {}

  /**
   * Queues the measurement of a candidate on a suite.
   * @throws DomainError not_found, bad_input (kinds that do not fit), undefined_variable, quota_exceeded, insufficient_quota.
   */
  async start(ctx: RequestContext, input: NewEvaluation): Promise<EvaluationRunEntity> {
    const suite = await this.suites.findByName(ctx, input.suite);
    const model = await this.models.resolve(ctx, input.model);
    if (model.kind === 'reward') throw new DomainError('bad_input', `${input.model} is a reward model; give it as rewardModel, and as model the one that answers.`, 'model');
    const reward = input.rewardModel == null ? null : await this.models.resolve(ctx, input.rewardModel);
    if (reward && reward.kind !== 'reward') throw new DomainError('bad_input', `${input.rewardModel} is of kind ${reward.kind}, not a reward model.`, 'rewardModel');
    const prompt = input.prompt == null ? null : await this.prompts.readyRef(ctx, input.prompt);
    const items = await this.items.count(ctx, suite, prompt);
    return this.database.transaction(ctx, async (tx) => {
      const run = await this.lifecycle.queue(tx, {
        id: newId('eval'), suiteId: suite.id, modelVersionId: model.id, promptVersionId: prompt?.version.id ?? null, promptPins: prompt?.pins ?? {},
        sampling: input.sampling ?? GREEDY, rewardVersionId: reward?.id ?? null, items,
      });
      const to = { type: 'evaluation_run' as const, id: run.id };
      await this.lineage.link(tx, [
        { from: { type: 'model_version', id: model.id }, to, relation: 'measured_by' },
        { from: { type: 'dataset_version', id: suite.datasetVersionId }, to, relation: 'data_derived' },
        ...(prompt ? [prompt.version, ...prompt.included] : []).map(({ id }) => ({ from: { type: 'prompt_version' as const, id }, to, relation: 'rendered_with' as const })),
        ...(reward ? [{ from: { type: 'model_version' as const, id: reward.id }, to, relation: 'scored_by' as const }] : []),
      ]);
      return run;
    });
  }
}
