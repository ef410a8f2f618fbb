import { Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import type { RequestContext } from '../common/request-context.js';
import { DatasetService } from '../datasets/dataset.service.js';
import type { DatasetRow } from '../datasets/row.js';
import type { ChatMessage } from '../deployments/runtime/chat.types.js';
import { PromptService } from '../prompts/prompt.service.js';
import type { ReadyPrompt } from '../prompts/ready-prompt.js';
import type { EvaluationRunEntity, EvaluationSuiteEntity } from './evaluation.entity.js';

/** One thing to ask, and what its answer is graded by. */
export interface EvaluationItem {
  index: number;
  messages: ChatMessage[];
  row: DatasetRow;
}

/** The items of a suite as a candidate is asked them. */
@Injectable()
export class EvaluationItems {
  constructor(
    private readonly datasets: DatasetService,
    private readonly prompts: PromptService,
  ) {}

  /**
   * How many items there are. Reads one, so that a prompt that does not fit fails when the evaluation is asked for and
   * not in its run.
   * @throws DomainError bad_input, undefined_variable.
   */
  async count(ctx: RequestContext, suite: EvaluationSuiteEntity, prompt: ReadyPrompt | null): Promise<number> {
    const dataset = await this.datasets.findVersionById(ctx, suite.datasetVersionId);
    for await (const { row } of this.datasets.rows(ctx, dataset, 'all')) {
      this.render(row, prompt);
      break;
    }
    return dataset.rows;
  }

  /** Items that are not in `answered`, longest first: neighbours batch well, and the last to end are short. */
  async missing(ctx: RequestContext, suite: EvaluationSuiteEntity, run: EvaluationRunEntity, answered: Set<number>): Promise<EvaluationItem[]> {
    const prompt = run.promptVersionId === null ? null : await this.prompts.pinned(ctx, run.promptVersionId, run.promptPins);
    const dataset = await this.datasets.findVersionById(ctx, suite.datasetVersionId);
    const items: EvaluationItem[] = [];
    for await (const { index, row } of this.datasets.rows(ctx, dataset, 'all')) {
      if (!answered.has(index)) items.push({ index, row, messages: this.render(row, prompt) });
    }
    const length = ({ messages }: EvaluationItem) => messages.reduce((sum, { content }) => sum + String(content).length, 0);
    return items.sort((a, b) => length(b) - length(a));
  }

  private render(row: DatasetRow, prompt: ReadyPrompt | null): ChatMessage[] {
    if (row.prompt && prompt) throw new DomainError('bad_input', 'The items of this suite carry their messages; leave the prompt out.', 'prompt');
    if (row.prompt) return row.prompt;
    if (!prompt) throw new DomainError('bad_input', `The items of this suite are variables (${Object.keys(row.input ?? {}).join(', ')}); give the prompt that they fill in.`, 'prompt');
    if (prompt.version.type === 'image') throw new DomainError('bad_input', `Prompt ${prompt.version.name} asks for images; give one of type text or chat.`, 'prompt');
    return prompt.render(row.input ?? {});
  }
}
