import { Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import type { DatasetVersionEntity } from '../datasets/dataset.entity.js';
import { DatasetService } from '../datasets/dataset.service.js';
import { LineageService } from '../models/lineage.service.js';
import type { EvaluationRunEntity } from './evaluation.entity.js';
import { EvaluationRepository } from './evaluation.repository.js';
import { EvaluationService } from './evaluation.service.js';
import { SuiteService } from './suite.service.js';

export type Selection = 'best_by_reward' | 'best_by_gold';

/** Training data from a model's own answers (rejection sampling). */
@Injectable()
export class EvaluationDatasetService {
  constructor(
    private readonly database: Database,
    private readonly evaluations: EvaluationRepository,
    private readonly service: EvaluationService,
    private readonly suites: SuiteService,
    private readonly datasets: DatasetService,
    private readonly lineage: LineageService,
  ) {}

  /**
   * A version of format sft: each item's best answer as completion. By gold, items whose best answer has no gold at all
   * are left out; by reward, those outside the share `keep` of items whose best answers have the highest reward; empty
   * answers always are.
   * @throws DomainError sealed, bad_input (a run that is not over, or has no rewards), and as DatasetService.createFromRows.
   */
  async create(ctx: RequestContext, input: { runId: string; name: string; licence?: string | null; select: Selection; keep?: number | null }): Promise<DatasetVersionEntity> {
    const run = await this.service.find(ctx, input.runId);
    const suite = await this.suites.findById(ctx, run.suiteId);
    if (suite.sealed) throw new DomainError('sealed', `Suite ${JSON.stringify(suite.name)} is sealed: what is measured on it is never trained on. Sample on a suite of open data.`, 'runId');
    if (run.status !== 'succeeded') throw new DomainError('bad_input', `Run ${run.id} is ${run.status}; wait until it has succeeded.`, 'runId');
    if (input.select === 'best_by_reward' && run.rewardVersionId === null) {
      throw new DomainError('bad_input', `Run ${run.id} was not scored by a reward model; start one with rewardModel, or select best_by_gold.`, 'select');
    }
    const keep = input.keep ?? 1;
    if (keep < 1 && input.select !== 'best_by_reward') {
      throw new DomainError('bad_input', 'keep is a share by reward; with best_by_gold every item with a gold score is kept.', 'keep');
    }
    const source = await this.datasets.findVersionById(ctx, suite.datasetVersionId);
    return this.database.transaction(ctx, async (tx) => {
      const version = await this.datasets.createFromRows(tx, {
        name: input.name, format: 'sft', licence: input.licence ?? source.licence,
        rows: this.rows(ctx, run, source, input.select, keep), origin: `the answers of ${run.id}`,
        derivedFrom: [{ type: 'model_version', id: run.modelVersionId }, { type: 'dataset_version', id: source.id }, { type: 'evaluation_run', id: run.id }],
      });
      if (input.select === 'best_by_reward') {
        await this.lineage.link(tx, [{ from: { type: 'model_version', id: run.rewardVersionId! }, to: { type: 'dataset_version', id: version.id }, relation: 'scored_by' }]);
      }
      return version;
    });
  }

  private async *rows(ctx: RequestContext, run: EvaluationRunEntity, source: DatasetVersionEntity, select: Selection, keep: number): AsyncGenerator<object> {
    const best = await this.evaluations.best(ctx, run.id, select === 'best_by_reward' ? 'reward' : 'gold');
    const usable = best.filter((sample) => sample.output.trim() !== '' && (select === 'best_by_reward' || sample.gold > 0));
    const kept = keep === 1 ? usable : usable.toSorted((a, b) => b.reward! - a.reward!).slice(0, Math.ceil(keep * usable.length));
    if (kept.length === 0) throw new DomainError('bad_input', `Run ${run.id} has no answer to keep: all are empty or have no gold score.`, 'runId');
    const answers = new Map(kept.map((sample) => [sample.item, sample.output]));
    for await (const { index, row } of this.datasets.rows(ctx, source, 'all')) {
      const completion = answers.get(index);
      if (completion !== undefined) yield row.prompt ? { prompt: row.prompt, completion } : { input: row.input, completion };
    }
  }
}
