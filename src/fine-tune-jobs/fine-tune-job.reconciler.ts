import { Injectable } from '@nestjs/common';
import { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { Outbox } from '../queue/outbox.js';
import { Reconciles } from '../queue/reconciles.js';
import { FineTuneJobLifecycle } from './fine-tune-job.lifecycle.js';
import { FineTuneJobRepository } from './fine-tune-job.repository.js';

/** Finds jobs that no worker would come upon by itself. */
@Injectable()
export class FineTuneJobReconciler {
  constructor(
    private readonly database: Database,
    private readonly jobs: FineTuneJobRepository,
    private readonly lifecycle: FineTuneJobLifecycle,
    private readonly outbox: Outbox,
  ) {}

  /** Running jobs whose worker fell silent. */
  @Reconciles()
  async releaseStale(): Promise<number> {
    const stale = await this.jobs.stale();
    const released = await Promise.all(stale.map(({ id, projectId }) => this.lifecycle.releaseStale(RequestContext.forJob(projectId, 'reconcile'), id)));
    return released.filter(Boolean).length;
  }

  /** Queued jobs whose message may be lost. One that is not makes a second message, which does nothing. */
  @Reconciles()
  enqueueAgain(): Promise<number> {
    return this.database.platform.transaction(async (tx) => {
      const jobs = await this.jobs.takeUnqueued(tx);
      for (const { id, projectId } of jobs) {
        await this.outbox.enqueue(RequestContext.forJob(projectId, 'reconcile').inTransaction(tx), 'fine-tune.run', { jobId: id });
      }
      return jobs.length;
    });
  }
}
