import { Inject, Injectable, Logger } from '@nestjs/common';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError } from '../common/errors.js';
import type { RequestContext } from '../common/request-context.js';
import { CONFIG, type Config } from '../config/config.js';
import type { DataRef, Grader, JobSpec, RlOptions } from '../contracts/contracts.generated.js';
import { DatasetService } from '../datasets/dataset.service.js';
import type { ChatMessage, DatasetRow } from '../datasets/row.js';
import { verifyManifest } from '../models/manifest.js';
import { ModelService } from '../models/model.service.js';
import { PromptService } from '../prompts/prompt.service.js';
import type { ReadyPrompt } from '../prompts/ready-prompt.js';
import type { FineTuneCheckpointEntity, FineTuneJobEntity } from './fine-tune-job.entity.js';
import { FineTuneJobRepository } from './fine-tune-job.repository.js';
import { attemptDirectory } from './run-paths.js';

export interface PreparedAttempt {
  specPath: string;
  /** What the attempt goes on from; null for a fresh start. */
  checkpointId: string | null;
}

/** Lays out the directory of an attempt: all that a trainer gets to see. */
@Injectable()
export class AttemptService {
  private readonly logger = new Logger(AttemptService.name);

  constructor(
    private readonly jobs: FineTuneJobRepository,
    private readonly models: ModelService,
    private readonly datasets: DatasetService,
    private readonly prompts: PromptService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Writes the data, rendered with the job's prompt version, and the spec with every path resolved.
   * @throws DomainError when the job's inputs cannot be used: a row that lacks a variable, a model that is gone.
   */
  async prepare(ctx: RequestContext, job: FineTuneJobEntity): Promise<PreparedAttempt> {
    const directory = join(this.config.TRIAD_HOME, attemptDirectory(job.id, job.attempt));
    await rm(directory, { recursive: true, force: true });
    await mkdir(join(directory, 'data'), { recursive: true });
    const { basePath, adapterPath } = await this.models.filesOf(ctx, await this.models.findVersionById(ctx, job.fromVersionId));
    const checkpoint = await this.newestSoundCheckpoint(ctx, job);
    const { rl, ...settings } = job.settings;
    const spec: JobSpec = {
      contractVersion: 1, jobId: job.id, attempt: job.attempt, method: job.method,
      base: { modelPath: basePath, adapterPath },
      data: await this.writeData(ctx, job, join(directory, 'data')),
      outputDir: directory,
      resumeFrom: checkpoint && join(this.config.TRIAD_HOME, checkpoint.path),
      ...settings,
      ...(rl && { rl: await this.withModelPaths(ctx, rl) }),
      eventsUrl: new URL(`/internal/runs/${job.id}/events`, this.config.TRIAD_INTERNAL_URL).toString(),
    };
    const specPath = join(directory, 'spec.json');
    await writeFile(specPath, JSON.stringify(spec, null, 2));
    return { specPath, checkpointId: checkpoint?.id ?? null };
  }

  private async writeData(ctx: RequestContext, job: FineTuneJobEntity, directory: string): Promise<DataRef> {
    const dataset = await this.datasets.findVersionById(ctx, job.datasetVersionId);
    const prompt = job.promptVersionId === null ? null : await this.prompts.pinned(ctx, job.promptVersionId, job.promptPins);
    const render = prompt && ((row: DatasetRow) => this.render(prompt, row));
    const [trainPath, evalPath] = [join(directory, 'train.jsonl'), join(directory, 'eval.jsonl')];
    await this.datasets.materialise(ctx, dataset, 'train', trainPath, render);
    const heldOut = dataset.holdoutRows > 0 && await this.datasets.materialise(ctx, dataset, 'holdout', evalPath, render);
    return { trainPath, evalPath: heldOut ? evalPath : null };
  }

  private render(prompt: ReadyPrompt, row: DatasetRow): ChatMessage[] {
    try {
      return prompt.render(row.input ?? {});
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      throw new DomainError('bad_data', `${error.message} The row: ${JSON.stringify(row).slice(0, 300)}`);
    }
  }

  /** Checkpoints on disk are kept few and may be damaged: the newest whose every byte is as it was written. */
  private async newestSoundCheckpoint(ctx: RequestContext, job: FineTuneJobEntity): Promise<FineTuneCheckpointEntity | null> {
    for (const checkpoint of await this.jobs.checkpoints(ctx, job.id)) {
      const sound = await verifyManifest(join(this.config.TRIAD_HOME, checkpoint.path), checkpoint.manifest).then(() => true, (error: unknown) => {
        this.logger.warn(`Checkpoint ${checkpoint.path} is passed over: ${String(error)}`);
        return false;
      });
      if (sound) return checkpoint;
    }
    return null;
  }

  private async withModelPaths(ctx: RequestContext, rl: RlOptions): Promise<RlOptions> {
    const resolved = async <G extends Grader | null>(grader: G): Promise<G> => {
      if (grader?.type !== 'reward_model') return grader;
      const { rewardPath } = await this.models.filesOf(ctx, await this.models.findVersionById(ctx, grader.modelVersionId));
      return { ...grader, modelPath: rewardPath! };
    };
    return { ...rl, reward: await resolved(rl.reward), gold: await resolved(rl.gold) };
  }
}
