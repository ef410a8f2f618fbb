import { Injectable, Logger } from '@nestjs/common';
import { RequestContext } from '../common/request-context.js';
import { HandlesJob } from '../queue/handles-job.js';
import type { JobPayload } from '../queue/jobs.js';
import { Reconciles } from '../queue/reconciles.js';
import { ExperimentLifecycle } from './experiment.lifecycle.js';
import { ExperimentService } from './experiment.service.js';
import { ResultsService } from './results.service.js';

/** Guards are looked at this often, and never for more than a 20th of the time. */
const CHECK_EVERY_MS = 10_000;
const REST_FACTOR = 20;

@Injectable()
export class ExperimentProcessor {
  private readonly logger = new Logger(ExperimentProcessor.name);

  constructor(
    private readonly lifecycle: ExperimentLifecycle,
    private readonly experiments: ExperimentService,
    private readonly results: ResultsService,
  ) {}

  /** Looks at an experiment's guards and halts it when one is violated. Twice does no harm. */
  @HandlesJob('experiment.check')
  async handle({ projectId, experimentId }: JobPayload): Promise<void> {
    const ctx = RequestContext.forJob(projectId, 'experiment.check');
    const experiment = await this.experiments.load(ctx, experimentId!);
    if (experiment?.status !== 'running') return;
    const startedAt = performance.now();
    const violated = (await this.results.guards(ctx, experiment)).find((guard) => guard.violated);
    if (!violated) return this.lifecycle.checkAgain(ctx, experiment.id, Math.max(CHECK_EVERY_MS, REST_FACTOR * (performance.now() - startedAt)));
    const { metric, arm, words: message } = violated;
    if (await this.lifecycle.halt(ctx, experiment, { metric, arm, message })) this.logger.warn(`Experiment ${experiment.id} of ${projectId} was halted: ${message}`);
  }

  @Reconciles()
  reconcile(): Promise<number> {
    return this.lifecycle.reconcile();
  }
}
