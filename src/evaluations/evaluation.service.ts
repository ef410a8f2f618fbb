import { Injectable } from '@nestjs/common';
import { batched, batchedLists, byId } from '../common/batched.js';
import { DomainError, notFound } from '../common/errors.js';
import type { Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { closable } from '../common/subscription.js';
import { Notifications } from '../database/notifications.js';
import type { EvaluationRunEntity, EvaluationSampleEntity } from './evaluation.entity.js';
import { EvaluationLifecycle, isOver, runTopic } from './evaluation.lifecycle.js';
import { EvaluationRepository, type RunListArgs, type SampleListArgs } from './evaluation.repository.js';
import { SuiteService } from './suite.service.js';

@Injectable()
export class EvaluationService {
  /** By id; undefined for one that is not there. */
  readonly load = batched(async (ctx, ids: readonly string[]) => byId(await this.evaluations.findRuns(ctx, ids)));
  private readonly loadSamples = batchedLists((ctx, runIds, args: SampleListArgs) => this.evaluations.samples(ctx, runIds, args));

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

  /** Of one suite, by its name, or of all. */
  async list(ctx: RequestContext, suite: string | null, args: RunListArgs): Promise<Page<EvaluationRunEntity>> {
    const suiteId = suite === null ? null : (await this.suites.findByName(ctx, suite)).id;
    return this.evaluations.listRuns(ctx, suiteId, args);
  }

  /** Asks a run to end; one that is over stays as it is. @throws DomainError not_found. */
  async cancel(ctx: RequestContext, id: string): Promise<EvaluationRunEntity> {
    await this.find(ctx, id);
    await this.lifecycle.cancel(ctx, id);
    return this.find(ctx, id);
  }

  /** Answers, by default in order of item. @throws DomainError sealed for a run on a sealed suite, whose items would leak. */
  async samples(ctx: RequestContext, run: Pick<EvaluationRunEntity, 'id' | 'suiteId'>, args: SampleListArgs): Promise<Page<EvaluationSampleEntity>> {
    if ((await this.suites.findById(ctx, run.suiteId)).sealed) {
      throw new DomainError('sealed', 'The suite is sealed: its answers are not shown one by one, only what they add up to.');
    }
    return this.loadSamples(ctx, run.id, args);
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
