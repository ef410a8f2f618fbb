import { Injectable } from '@nestjs/common';
import { batched, byId, byParent } from '../common/batched.js';
import { notFound } from '../common/errors.js';
import type { Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { LineageService } from '../models/lineage.service.js';
import { FineTuneInputService, type NewFineTuneJob } from './fine-tune-input.service.js';
import type { FineTuneCheckpointEntity, FineTuneJobEntity } from './fine-tune-job.entity.js';
import { FineTuneJobLifecycle } from './fine-tune-job.lifecycle.js';
import { type FineTuneJobListArgs, FineTuneJobRepository } from './fine-tune-job.repository.js';

/** Checkpoints of a job that are shown. */
const SHOWN_CHECKPOINTS = 100;

@Injectable()
export class FineTuneJobService {
  /** By id; undefined for one that is not there. */
  readonly load = batched(async (ctx, ids: readonly string[]) => byId(await this.jobs.findByIds(ctx, ids)));
  /** The newest checkpoints of a job, newest first. */
  readonly checkpoints = batched<string, FineTuneCheckpointEntity[]>(async (ctx, ids) =>
    byParent(ids, await this.jobs.newestCheckpoints(ctx, ids, SHOWN_CHECKPOINTS), (checkpoint) => checkpoint.jobId));

  constructor(
    private readonly database: Database,
    private readonly lineage: LineageService,
    private readonly jobs: FineTuneJobRepository,
    private readonly input: FineTuneInputService,
    private readonly lifecycle: FineTuneJobLifecycle,
  ) {}

  /** Checks a job and queues it. @throws DomainError as FineTuneInputService.check. */
  async create(ctx: RequestContext, input: NewFineTuneJob): Promise<FineTuneJobEntity> {
    const checked = await this.input.check(ctx, input);
    return this.database.transaction(ctx, async (tx) => {
      const job = await this.lifecycle.create(tx, checked);
      if (job.promptVersionId !== null) await this.lineage.link(tx, [{ from: { type: 'prompt_version', id: job.promptVersionId }, to: { type: 'fine_tune_job', id: job.id }, relation: 'rendered_with' }]);
      return job;
    });
  }

  /**
   * Ends a queued job at once and asks the trainer of a running one to stop; from then on no model comes of it.
   * @throws DomainError not_found; conflict when the job has succeeded or failed.
   */
  cancel(ctx: RequestContext, id: string): Promise<FineTuneJobEntity> {
    return this.lifecycle.cancel(ctx, id);
  }

  /** @throws DomainError not_found. */
  async get(ctx: RequestContext, id: string): Promise<FineTuneJobEntity> {
    const job = await this.jobs.find(ctx, id);
    if (!job) throw notFound('fine-tune job', id);
    return job;
  }

  list(ctx: RequestContext, args: FineTuneJobListArgs): Promise<Page<FineTuneJobEntity>> {
    return this.jobs.list(ctx, args);
  }
}
