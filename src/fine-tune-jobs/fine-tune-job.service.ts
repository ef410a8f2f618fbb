import { Injectable } from '@nestjs/common';
import { notFound } from '../common/errors.js';
import { decodeCursor, type Page, type PageArgs, toPage } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { FineTuneInputService, type NewFineTuneJob } from './fine-tune-input.service.js';
import type { FineTuneCheckpointEntity, FineTuneJobEntity } from './fine-tune-job.entity.js';
import { FineTuneJobLifecycle } from './fine-tune-job.lifecycle.js';
import { FineTuneJobRepository } from './fine-tune-job.repository.js';

@Injectable()
export class FineTuneJobService {
  constructor(
    private readonly jobs: FineTuneJobRepository,
    private readonly input: FineTuneInputService,
    private readonly lifecycle: FineTuneJobLifecycle,
  ) {}

  /** Checks a job and queues it. @throws DomainError as FineTuneInputService.check. */
  async create(ctx: RequestContext, input: NewFineTuneJob): Promise<FineTuneJobEntity> {
    return this.lifecycle.create(ctx, await this.input.check(ctx, input));
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

  async list(ctx: RequestContext, page: PageArgs): Promise<Page<FineTuneJobEntity>> {
    const after = page.after ? decodeCursor(page.after) : null;
    return toPage(await this.jobs.list(ctx, page.first, after), page.first, (job) => job.id);
  }

  /** Newest first. */
  checkpoints(ctx: RequestContext, id: string): Promise<FineTuneCheckpointEntity[]> {
    return this.jobs.checkpoints(ctx, id);
  }
}
