import { Inject, Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import { RequestContext } from '../common/request-context.js';
import { CONFIG, type Config } from '../config/config.js';
import { HandlesJob } from '../queue/handles-job.js';
import type { JobPayload } from '../queue/jobs.js';
import { Reconciles } from '../queue/reconciles.js';
import { EvaluationRunner } from './evaluation-runner.js';
import type { EvaluationRunEntity } from './evaluation.entity.js';
import { EvaluationLifecycle, HEARTBEAT_MS, type Orders } from './evaluation.lifecycle.js';

/** Why a worker ends a run before its last item. */
type Halt = Exclude<Orders, 'go on'> | 'shutdown';

@Injectable()
export class EvaluationProcessor {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly lifecycle: EvaluationLifecycle,
    private readonly runner: EvaluationRunner,
  ) {}

  @HandlesJob('evaluation.run')
  async handle({ projectId, runId }: JobPayload, shutdown: AbortSignal): Promise<void> {
    const ctx = RequestContext.forJob(projectId, 'evaluation.run');
    const run = await this.lifecycle.claim(ctx, runId!);
    if (!run) return; // another worker has it, or it is over
    const halt = new AbortController();
    const halting = (why: Halt) => halt.abort(why);
    const onShutdown = () => halting('shutdown');
    shutdown.addEventListener('abort', onShutdown, { once: true });
    if (shutdown.aborted) onShutdown();
    let started: number | null = null;
    const seconds = () => run.seconds + (started === null ? 0 : (performance.now() - started) / 1000);
    const obey = (orders: Orders) => { if (orders !== 'go on') halting(orders); };
    const heart = setInterval(() => void this.lifecycle.heartbeat(ctx, run, seconds()).then(obey, () => undefined), HEARTBEAT_MS);
    try {
      const candidate = await this.runner.prepare(ctx, run, halt.signal);
      started = performance.now();
      await this.runner.run(ctx, candidate, async (samples) => obey(await this.lifecycle.recordItem(ctx, run, samples, seconds())), halt.signal);
      halt.signal.throwIfAborted();
      await this.finish(ctx, run, seconds());
    } catch (error) {
      await this.settle(ctx, run, halt.signal.aborted ? (halt.signal.reason as Halt) : null, error);
    } finally {
      clearInterval(heart);
      shutdown.removeEventListener('abort', onShutdown);
    }
  }

  @Reconciles()
  reconcile(): Promise<number> {
    return this.lifecycle.reconcile();
  }

  private async finish(ctx: RequestContext, run: EvaluationRunEntity, seconds: number): Promise<void> {
    await this.lifecycle.succeed(ctx, run, { ...await this.runner.results(ctx, run), seconds, cost: (seconds / 3600) * this.config.TRIAD_COMPUTE_PRICE_PER_HOUR });
  }

  private async settle(ctx: RequestContext, run: EvaluationRunEntity, halt: Halt | null, error: unknown): Promise<void> {
    if (halt === 'fenced') return;
    if (halt === 'stop') return this.lifecycle.cancelled(ctx, run);
    if (halt === 'shutdown') return this.lifecycle.release(ctx, run, false);
    if (error instanceof DomainError) return this.lifecycle.fail(ctx, run, { code: error.code, message: error.message });
    // Unknown, perhaps the database: no heartbeat follows, so the reconciler hands the run out again, a few times at most.
    throw error;
  }
}
