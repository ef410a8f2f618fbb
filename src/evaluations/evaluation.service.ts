import { Injectable } from '@nestjs/common';
import { DomainError, notFound } from '../common/errors.js';
import { decodeCursor, type Page, type PageArgs, toPage } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { closable } from '../common/subscription.js';
import { Notifications } from '../database/notifications.js';
import type { EvaluationRunEntity, EvaluationSampleEntity } from './evaluation.entity.js';
import { EvaluationLifecycle, isOver, runTopic } from './evaluation.lifecycle.js';
import { EvaluationRepository } from './evaluation.repository.js';
import { SuiteService } from './suite.service.js';

@Injectable()
export class EvaluationService {
  constructor(
    private readonly evaluations: EvaluationRepository,
    private readonly lifecycle: EvaluationLifecycle,
    private readonly suites: SuiteService,
    private readonly notifications: Notifications,
  ) {}

  /** @throws DomainError not_found. */
  async find(ctx: RequestContext, id: string): Promise<EvaluationRunEntity> {
    const run = await this.evaluations.findRun(ctx, id);
    if (!run) throw notFound('evaluation run', id);
    return run;
  }

  /** Newest first, of one suite or of all. */
  async list(ctx: RequestContext, suite: string | null, page: PageArgs): Promise<Page<EvaluationRunEntity>> {
    const suiteId = suite === null ? null : (await this.suites.findByName(ctx, suite)).id;
    const after = page.after ? decodeCursor(page.after) : null;
    return toPage(await this.evaluations.listRuns(ctx, suiteId, page.first, after), page.first, (run) => run.id);
  }

  /** Asks a run to end; one that is over stays as it is. @throws DomainError not_found. */
  async cancel(ctx: RequestContext, id: string): Promise<EvaluationRunEntity> {
    await this.find(ctx, id);
    await this.lifecycle.cancel(ctx, id);
    return this.find(ctx, id);
  }

  /** Answers in order of item. @throws DomainError sealed for a run on a sealed suite, whose items would leak. */
  async samples(ctx: RequestContext, run: Pick<EvaluationRunEntity, 'id' | 'suiteId'>, page: PageArgs): Promise<Page<EvaluationSampleEntity>> {
    if ((await this.suites.findById(ctx, run.suiteId)).sealed) {
      throw new DomainError('sealed', 'The suite is sealed: its answers are not shown one by one, only what they add up to.');
    }
    const [item, sample] = page.after ? decodeCursor(page.after).split('.').map(Number) : [];
    const after = item === undefined ? null : { item, sample: sample ?? 0 };
    return toPage(await this.evaluations.samples(ctx, run.id, page.first, after), page.first, (row) => `${row.item}.${row.sample}`);
  }

  /** The run now and after each change, until it is over. Ends when the returned iterator is closed. @throws DomainError not_found. */
  async progress(ctx: RequestContext, id: string): Promise<AsyncGenerator<EvaluationRunEntity, void>> {
    await this.find(ctx, id);
    return closable((signal) => this.follow(ctx, id, signal));
  }

  private async *follow(ctx: RequestContext, id: string, signal: AbortSignal): AsyncGenerator<EvaluationRunEntity, void> {
    for await (const _ of this.notifications.watch(runTopic(id), signal)) {
      const run = await this.find(ctx, id);
      yield run;
      if (isOver(run.status)) return;
    }
  }
}
