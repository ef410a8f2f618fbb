import { Injectable } from '@nestjs/common';
import { batched, byId, byParent } from '../common/batched.js';
import type { RequestContext } from '../common/request-context.js';
import type { ExperimentEntity } from './experiment.entity.js';
import { ExperimentRepository } from './experiment.repository.js';
import { FEEDBACK_METRICS, type FeedbackMetric, MeasurementRepository } from './measurement.repository.js';
import { type ExperimentResults, type GuardResult, guardsOf, type Measured, resultsOf } from './results.js';

/** What experiments have shown, from the log of calls and their feedback. */
@Injectable()
export class ResultsService {
  /** By the experiment's id: those of one request are measured together. */
  readonly load = batched<string, ExperimentResults>(async (ctx, ids) =>
    new Map((await this.measure(ctx, ids, FEEDBACK_METRICS)).map((measured) => [measured.experiment.id, resultsOf(measured)])));

  constructor(
    private readonly experiments: ExperimentRepository,
    private readonly measurements: MeasurementRepository,
  ) {}

  /** How the guards of an experiment stand. */
  async guards(ctx: RequestContext, { id, guards }: ExperimentEntity): Promise<GuardResult[]> {
    const needed = FEEDBACK_METRICS.filter((metric) => guards.some((guard) => guard.metric === metric));
    return (await this.measure(ctx, [id], needed)).flatMap(guardsOf);
  }

  private async measure(ctx: RequestContext, ids: readonly string[], feedback: readonly FeedbackMetric[]): Promise<Measured[]> {
    const [experiments, arms] = [byId(await this.experiments.findByIds(ctx, ids)), await this.experiments.armsOf(ctx, ids)];
    const { traffic, measurements } = await this.measurements.measure(ctx, Array.from(experiments.values(), ({ id, guards }) => ({
      id, slowOverMs: guards.find(({ metric }) => metric === 'latency_p95')?.limit ?? null,
    })), feedback);
    const lists = {
      arms: byParent(ids, arms, ({ experimentId }) => experimentId), traffic: byParent(ids, traffic, ({ experimentId }) => experimentId),
      measurements: byParent(ids, measurements, ({ experimentId }) => experimentId),
    };
    return Array.from(experiments, ([id, experiment]) => ({
      experiment, arms: lists.arms.get(id)!.map(({ name }) => name), traffic: lists.traffic.get(id)!, measurements: lists.measurements.get(id)!,
    }));
  }
}
