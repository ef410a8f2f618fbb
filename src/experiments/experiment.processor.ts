import { Injectable, Logger } from '@nestjs/common';
import { RequestContext } from '../common/request-context.js';
import { HandlesJob } from '../queue/handles-job.js';
import type { JobPayload } from '../queue/jobs.js';
import { Reconciles } from '../queue/reconciles.js';
import { ExperimentControlService } from './experiment-control.service.js';
import type { ExperimentEntity, Halt } from './experiment.entity.js';
import { ExperimentLifecycle } from './experiment.lifecycle.js';
import { ExperimentService } from './experiment.service.js';
import { ResultsService } from './results.service.js';

/** A running experiment is looked at this often, and never for more than a 20th of the time. */
const CHECK_EVERY_MS = 10_000;
const REST_FACTOR = 20;

@Injectable()
export class ExperimentProcessor {
  private readonly logger = new Logger(ExperimentProcessor.name);

  constructor(
    private readonly lifecycle: ExperimentLifecycle,
    private readonly experiments: ExperimentService,
    private readonly control: ExperimentControlService,
    private readonly results: ResultsService,
  ) {}

  /** Halts an experiment when a guard is violated, or its subject or the target of an arm is gone. Twice does no harm. */
  @HandlesJob('experiment.check')
  async handle({ projectId, experimentId }: JobPayload): Promise<void> {
    const ctx = RequestContext.forJob(projectId, 'experiment.check');
    const experiment = await this.experiments.load(ctx, experimentId!);
    if (experiment?.status !== 'running') return;
    const startedAt = performance.now();
    const halt = await this.control.lacks(ctx, experiment) ?? await this.violated(ctx, experiment);
    if (!halt) return this.lifecycle.checkAgain(ctx, experiment.id, Math.max(CHECK_EVERY_MS, REST_FACTOR * (performance.now() - startedAt)));
    if (await this.lifecycle.halt(ctx, experiment, halt)) this.logger.warn(`Experiment ${experiment.id} of ${projectId} was halted: ${halt.message}`);
  }

  @Reconciles()
  reconcile(): Promise<number> {
    return this.lifecycle.reconcile();
  }

  private async violated(ctx: RequestContext, experiment: ExperimentEntity): Promise<Halt | null> {
    if (experiment.guards.length === 0) return null;
    const violated = (await this.results.guards(ctx, experiment)).find((guard) => guard.violated);
    return violated ? { metric: violated.metric, arm: violated.arm, message: violated.words } : null;
  }
}
