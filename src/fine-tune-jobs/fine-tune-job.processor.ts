import { Injectable, Logger } from '@nestjs/common';
import { setTimeout as wait } from 'node:timers/promises';
import { DomainError } from '../common/errors.js';
import { RequestContext } from '../common/request-context.js';
import { HandlesJob } from '../queue/handles-job.js';
import type { JobPayload } from '../queue/jobs.js';
import { AttemptService, type PreparedAttempt } from './attempt.service.js';
import { ProcessExecutor, type TrainerExit } from './executors/process.executor.js';
import { FineTuneEventService } from './fine-tune-event.service.js';
import { type AttemptKey, type Claim, FineTuneJobLifecycle } from './fine-tune-job.lifecycle.js';
import { FineTuneJobService } from './fine-tune-job.service.js';
import { classifyEnd, classifyError, type RunEnd } from './run-policy.js';
import { SpoolService } from './spool.service.js';

const HEARTBEAT_MS = 5_000;
/** A cancelled trainer that has not ended by then is killed: nobody wants its checkpoint. */
const CANCEL_GRACE_MS = 30_000;

/** Carries one attempt at a job from claim to end. */
@Injectable()
export class FineTuneJobProcessor {
  private readonly logger = new Logger(FineTuneJobProcessor.name);

  constructor(
    private readonly lifecycle: FineTuneJobLifecycle,
    private readonly attempts: AttemptService,
    private readonly executor: ProcessExecutor,
    private readonly events: FineTuneEventService,
    private readonly spool: SpoolService,
    private readonly jobs: FineTuneJobService,
  ) {}

  /** A second delivery of the message finds nothing to claim. */
  @HandlesJob('fine-tune.run')
  async run({ projectId, jobId }: JobPayload, shutdown: AbortSignal): Promise<void> {
    const ctx = RequestContext.forJob(projectId, 'fine-tune.run');
    const claim = shutdown.aborted ? null : await this.lifecycle.claim(ctx, jobId!);
    if (!claim) return;
    const key: AttemptKey = { id: jobId!, projectId, attempt: claim.job.attempt };
    const [cancel, kill, done] = [new AbortController(), new AbortController(), new AbortController()];
    const beating = this.keepBeating(ctx, key, { cancel, kill }, done.signal);
    try {
      const end = await this.execute(ctx, claim, { shutdown, cancel: cancel.signal, kill: kill.signal });
      const job = await this.lifecycle.finish(ctx, key, end);
      this.logger.log(job ? `Job ${key.id}, attempt ${key.attempt}: ${job.status}` : `Job ${key.id}: attempt ${key.attempt} was taken over; what it made is dropped.`);
    } finally {
      done.abort();
      await beating;
    }
  }

  private async execute(ctx: RequestContext, { job, token }: Claim, signals: { shutdown: AbortSignal; cancel: AbortSignal; kill: AbortSignal }): Promise<RunEnd> {
    const stop = AbortSignal.any([signals.shutdown, signals.cancel]);
    let prepared: PreparedAttempt;
    let exit: TrainerExit;
    try {
      prepared = await this.attempts.prepare(ctx, job);
      exit = await this.executor.execute(prepared.specPath, token, { stop, kill: signals.kill });
    } catch (error) {
      if (!(error instanceof DomainError)) this.logger.error(`Job ${job.id}, attempt ${job.attempt}: ${error instanceof Error ? error.stack : String(error)}`);
      return classifyError(error, job.lostAttempts);
    }
    if (exit.code !== 0 && !signals.kill.aborted) await this.spool.take(ctx, job);
    const { summary } = await this.jobs.get(ctx, job.id);
    const hasArtefact = (await this.events.artefactOf(ctx, job)) !== null;
    return classifyEnd({ exit, finished: summary, hasArtefact, checkpointId: prepared.checkpointId, lostAttempts: job.lostAttempts, workerStopping: signals.shutdown.aborted });
  }

  private async keepBeating(ctx: RequestContext, key: AttemptKey, { cancel, kill }: { cancel: AbortController; kill: AbortController }, done: AbortSignal): Promise<void> {
    const aborted = () => undefined;
    for (;;) {
      await wait(HEARTBEAT_MS, undefined, { signal: done }).catch(aborted);
      if (done.aborted) return;
      // Postgres being away for a moment does not take the attempt from us.
      const answer = await this.lifecycle.heartbeat(ctx, key).catch((error: unknown) => {
        this.logger.warn(`Job ${key.id}: the heartbeat failed and will be tried again: ${String(error)}`);
        return 'go_on' as const;
      });
      if (answer === 'fenced') return kill.abort();
      if (answer === 'stop' && !cancel.signal.aborted) {
        cancel.abort();
        void wait(CANCEL_GRACE_MS, undefined, { signal: done, ref: false }).then(() => kill.abort(), aborted);
      }
    }
  }
}
