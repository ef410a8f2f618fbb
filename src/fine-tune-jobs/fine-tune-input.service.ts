import { Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import { columnsOf } from '../common/graders.js';
import { checkName } from '../common/references.js';
import type { RequestContext } from '../common/request-context.js';
import type { Grader } from '../contracts/contracts.generated.js';
import type { DatasetFormat, DatasetVersionEntity } from '../datasets/dataset.entity.js';
import { DatasetService } from '../datasets/dataset.service.js';
import type { DatasetRow } from '../datasets/row.js';
import { assertMayFineTune } from '../models/licences.js';
import type { ModelVersionEntity } from '../models/model.entity.js';
import { ModelService } from '../models/model.service.js';
import { PromptService } from '../prompts/prompt.service.js';
import type { ReadyPrompt } from '../prompts/ready-prompt.js';
import type { FineTuneJobEntity, FineTuneMethod, FineTuneSettings } from './fine-tune-job.entity.js';
import { type GivenSettings, settingsOf } from './fine-tune-settings.js';

export interface NewFineTuneJob extends GivenSettings {
  method: FineTuneMethod;
  model: string;
  dataset: string;
  prompt?: string | null | undefined;
  registerAs: string;
}

const FORMAT_OF: Record<FineTuneMethod, DatasetFormat> = { sft: 'sft', dpo: 'preference', reward: 'preference', grpo: 'prompt' };

/** Turns what a caller asks for into a job that can run, or says what is wrong with it before anything is spent. */
@Injectable()
export class FineTuneInputService {
  constructor(
    private readonly models: ModelService,
    private readonly datasets: DatasetService,
    private readonly prompts: PromptService,
  ) {}

  /** @throws DomainError not_found, bad_reference, sealed, licence_refused, undefined_variable, bad_input. */
  async check(ctx: RequestContext, input: NewFineTuneJob): Promise<Pick<FineTuneJobEntity, 'method' | 'fromVersionId' | 'datasetVersionId' | 'promptVersionId' | 'promptPins' | 'settings' | 'registerAs'>> {
    checkName(input.registerAs, 'registerAs');
    const from = await this.startingModel(ctx, input.model);
    const dataset = await this.trainingData(ctx, input.method, input.dataset);
    const prompt = input.prompt == null ? null : await this.prompts.readyRef(ctx, input.prompt);
    const settings = settingsOf(input.method, input, dataset.rows - dataset.holdoutRows);
    const row = await this.firstRow(ctx, dataset);
    this.checkPrompt(dataset, row, prompt);
    await this.checkGraders(ctx, settings, dataset, row);
    return { method: input.method, fromVersionId: from.id, datasetVersionId: dataset.id, promptVersionId: prompt?.version.id ?? null, promptPins: prompt?.pins ?? {}, settings, registerAs: input.registerAs };
  }

  private async startingModel(ctx: RequestContext, reference: string): Promise<ModelVersionEntity> {
    const version = await this.models.resolve(ctx, reference);
    if (version.kind === 'reward') {
      throw new DomainError('bad_input', `${version.name}/${version.version} is a reward model; start from a base or an adapter.`, 'model');
    }
    assertMayFineTune(version.licence);
    return version;
  }

  private async trainingData(ctx: RequestContext, method: FineTuneMethod, reference: string): Promise<DatasetVersionEntity> {
    const version = await this.datasets.resolve(ctx, reference);
    const name = `${version.name}/${version.version}`;
    this.datasets.assertTrainable(ctx, version);
    if (version.format !== FORMAT_OF[method]) {
      throw new DomainError('bad_input', `Method ${method} trains on data of format ${FORMAT_OF[method]}; ${name} is of format ${version.format}.`, 'dataset');
    }
    if (version.rows === version.holdoutRows) {
      throw new DomainError('bad_input', `All ${version.rows} rows of ${name} are held out, so none is left to train on. Make the version with a smaller holdout.`, 'dataset');
    }
    if (method === 'reward' && version.holdoutRows === 0) {
      throw new DomainError('bad_input', `A reward model is measured on held-out pairs and ${name} holds out none. Make the version with a holdout, such as 0.2.`, 'dataset');
    }
    return version;
  }

  private async firstRow(ctx: RequestContext, dataset: DatasetVersionEntity): Promise<DatasetRow> {
    for await (const { row } of this.datasets.rows(ctx, dataset, 'train')) return row;
    throw new DomainError('bad_input', `${dataset.name}/${dataset.version} has no rows to train on.`, 'dataset');
  }

  private checkPrompt(dataset: DatasetVersionEntity, row: DatasetRow, prompt: ReadyPrompt | null): void {
    const name = `${dataset.name}/${dataset.version}`;
    if (row.input && !prompt) {
      throw new DomainError('bad_input', `The rows of ${name} hold variables (${Object.keys(row.input).join(', ')}); say in prompt which prompt version renders them, as prompts:/NAME/1.`, 'prompt');
    }
    if (!row.input && prompt) {
      throw new DomainError('bad_input', `The rows of ${name} hold their own messages, which no prompt renders; leave prompt out.`, 'prompt');
    }
    if (prompt?.version.type === 'image') throw new DomainError('bad_input', `Prompt ${prompt.version.name} asks for images; give one of type text or chat.`, 'prompt');
    if (row.input && prompt) prompt.render(row.input);
  }

  /** Reward models that graders name exist, and the columns that graders read are there. */
  private async checkGraders(ctx: RequestContext, settings: FineTuneSettings, dataset: DatasetVersionEntity, row: DatasetRow): Promise<void> {
    const { rl } = settings;
    if (!rl) return;
    if (rl.gold && dataset.holdoutRows === 0) {
      throw new DomainError('bad_input', `rl.gold is measured on held-out rows and ${dataset.name}/${dataset.version} holds out none. Make the version with a holdout, such as 0.2.`, 'rl.gold');
    }
    await this.checkGrader(ctx, rl.reward, row, 'rl.reward');
    if (rl.gold) await this.checkGrader(ctx, rl.gold, row, 'rl.gold');
  }

  private async checkGrader(ctx: RequestContext, grader: Grader, row: DatasetRow, param: string): Promise<void> {
    if (grader.type === 'reward_model') {
      const version = await this.models.findVersionById(ctx, grader.modelVersionId);
      if (version.kind !== 'reward') throw new DomainError('bad_input', `${version.name}/${version.version} is of kind ${version.kind}, not a reward model.`, param);
      return;
    }
    const { prompt: _prompt, input: _input, ...columns } = row;
    const missing = columnsOf(grader).find((column) => !Object.hasOwn(columns, column));
    if (missing !== undefined) {
      throw new DomainError('bad_input', `The grader reads {{item.${missing}}}, but the rows have only the columns ${Object.keys(columns).join(', ') || '(none)'}.`, param);
    }
  }
}
