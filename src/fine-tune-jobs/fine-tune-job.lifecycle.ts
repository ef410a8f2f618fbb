import { Injectable } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import type { QueryDeepPartialEntity } from 'typeorm';
import { DomainError, notFound } from '../common/errors.js';
import { newId } from '../common/ids.js';
import type { RequestContext } from '../common/request-context.js';
import type { RunFailure } from '../common/run-state.js';
import { Database } from '../database/database.js';
import { type RunKey, transition } from '../database/transition.js';
import { QuotaService } from '../limits/quota.service.js';
import { Outbox } from '../queue/outbox.js';
import { EventService } from '../webhooks/event.service.js';
import { FineTuneEventService, hashToken } from './fine-tune-event.service.js';
import { FineTuneJobEntity, type FineTuneStatus } from './fine-tune-job.entity.js';
import { FineTuneJobRepository } from './fine-tune-job.repository.js';
import { FineTuneResultService } from './fine-tune-result.service.js';
import { classifyStaleRun, lostAttempt, type RunEnd } from './run-policy.js';

/** Every change of status there is. A job is created as queued. */
const TRANSITIONS = {
  claim: { from: ['queued'], to: 'running' },
  requeue: { from: ['running'], to: 'queued' },
  succeed: { from: ['running'], to: 'succeeded' },
  fail: { from: ['running'], to: 'failed' },
  cancel: { from: ['queued', 'running'], to: 'cancelled' },
} as const satisfies Record<string, { from: readonly FineTuneStatus[]; to: FineTuneStatus }>;

/** One attempt at a job; writes with it count only while the job runs that attempt. */
export type AttemptKey = Required<RunKey>;

export interface Claim {
  job: FineTuneJobEntity;
  /** Lets the trainer of this attempt post its events; only its hash is kept. */
  token: string;
}

const now = () => 'now()';
const over = { finishedAt: now, etaSeconds: null } as const;

/** The life of a job: the only place that writes its status, each change with its events and messages in one transaction. */
@Injectable()
export class FineTuneJobLifecycle {
  constructor(
    private readonly database: Database,
    private readonly jobs: FineTuneJobRepository,
    private readonly events: FineTuneEventService,
    private readonly results: FineTuneResultService,
    private readonly webhooks: EventService,
    private readonly outbox: Outbox,
    private readonly quotas: QuotaService,
  ) {}

  /** @throws DomainError quota_exceeded, insufficient_quota. */
  create(ctx: RequestContext, job: Pick<FineTuneJobEntity, 'method' | 'fromVersionId' | 'datasetVersionId' | 'promptVersionId' | 'promptPins' | 'settings' | 'registerAs'>): Promise<FineTuneJobEntity> {
    return this.database.transaction(ctx, async (tx) => {
      await this.quotas.holdRun(tx);
      const created = await this.jobs.add(tx, { ...job, id: newId('ftjob'), createdBy: ctx.principal });
      await this.events.note(tx, created, 'info', 'Queued.');
      await this.outbox.enqueue(tx, 'fine-tune.run', { jobId: created.id });
      return created;
    });
  }

  /** Starts the next attempt, first taking the job from a worker that fell silent. @returns null when it is not free. */
  async claim(ctx: RequestContext, id: string): Promise<Claim | null> {
    await this.releaseStale(ctx, id);
    const token = randomBytes(32).toString('base64url');
    return this.database.transaction(ctx, async (tx) => {
      const job = await this.move(tx, 'claim', { id }, {
        attempt: () => 'attempt + 1', tokenHash: hashToken(token), heartbeatAt: now, startedAt: () => 'coalesce(started_at, now())',
        summary: null, rewardReport: null, etaSeconds: null,
      });
      if (!job) return null;
      await this.events.note(tx, job, 'info', `Attempt ${job.attempt} starts.`);
      return { job, token };
    });
  }

  /** Says that the attempt's worker lives. @returns what the worker should do. */
  async heartbeat(ctx: RequestContext, key: AttemptKey): Promise<'go_on' | 'stop' | 'fenced'> {
    const job = await transition(this.database.manager(ctx), FineTuneJobEntity, key, ['running'], { heartbeatAt: now });
    if (!job) return 'fenced';
    return job.stopRequestedAt ? 'stop' : 'go_on';
  }

  /** Ends an attempt or hands it back; a job that was asked to stop is cancelled. @returns null when the attempt was fenced. */
  async finish(ctx: RequestContext, key: AttemptKey, end: RunEnd): Promise<FineTuneJobEntity | null> {
    try {
      return await this.finishAs(ctx, key, () => Promise.resolve(end));
    } catch (error) {
      if (end.as !== 'succeeded' || !(error instanceof DomainError)) throw error;
      const failure = { code: 'bad_artefact', message: `What was trained cannot be registered: ${error.message}` };
      return this.finishAs(ctx, key, (_, job) => Promise.resolve(lostAttempt(job.lostAttempts, failure)));
    }
  }

  /** Frees a running job whose worker fell silent. @returns whether there was something to free. */
  async releaseStale(ctx: RequestContext, id: string): Promise<boolean> {
    const job = await this.jobs.find(ctx, id);
    if (job?.status !== 'running') return false;
    const key = { id, projectId: ctx.projectId, attempt: job.attempt };
    const end = await this.staleEnd(ctx, job);
    if (end?.as === 'succeeded') return (await this.finish(ctx, key, end)) !== null;
    // Its worker may have come back before the row was locked.
    return end !== null && (await this.finishAs(ctx, key, (tx, locked) => this.staleEnd(tx, locked))) !== null;
  }

  private async staleEnd(ctx: RequestContext, job: FineTuneJobEntity): Promise<RunEnd | null> {
    const silentSeconds = await this.jobs.silentSeconds(ctx, job.id);
    const artefact = await this.events.artefactOf(ctx, job);
    return classifyStaleRun({ silentSeconds, lostAttempts: job.lostAttempts, finished: job.summary, hasArtefact: artefact !== null });
  }

  private finishAs(ctx: RequestContext, key: AttemptKey, endOf: (tx: RequestContext, job: FineTuneJobEntity) => Promise<RunEnd | null>): Promise<FineTuneJobEntity | null> {
    return this.database.transaction(ctx, async (tx) => {
      const job = await this.jobs.lock(tx, { id: key.id, attempt: key.attempt, status: 'running' });
      const end = job && await endOf(tx, job);
      return end ? this.end(tx, job, end) : null;
    });
  }

  /** @throws DomainError not_found, conflict. */
  cancel(ctx: RequestContext, id: string): Promise<FineTuneJobEntity> {
    return this.database.transaction(ctx, async (tx) => {
      const job = await this.jobs.lock(tx, { id });
      if (!job) throw notFound('fine-tune job', id);
      if (job.status === 'succeeded' || job.status === 'failed') {
        throw new DomainError('conflict', `The job has ${job.status} already; there is nothing left to cancel.`, 'id');
      }
      if (job.status === 'queued') return this.cancelled(tx, job);
      if (job.status === 'running' && !job.stopRequestedAt) {
        await this.jobs.requestStop(tx, id);
        await this.events.note(tx, job, 'info', 'Asked to stop.');
      }
      return (await this.jobs.find(tx, id))!;
    });
  }

  /** The caller holds the row of a running job. */
  private async end(tx: RequestContext, job: FineTuneJobEntity, end: RunEnd): Promise<FineTuneJobEntity> {
    if (end.as !== 'succeeded' && end.stderr) await this.events.note(tx, job, 'error', `The trainer's last lines:\n${end.stderr}`);
    if (job.stopRequestedAt) return this.cancelled(tx, job);
    if (end.as === 'succeeded') return this.succeeded(tx, job);
    return end.as === 'failed' ? this.failed(tx, job, end.failure) : this.requeued(tx, job, end);
  }

  private async succeeded(tx: RequestContext, job: FineTuneJobEntity): Promise<FineTuneJobEntity> {
    const version = await this.results.register(tx, job);
    const model = `models:/${version.name}/${version.version}`;
    await this.events.note(tx, job, 'info', `Succeeded: ${model}.`);
    await this.webhooks.emit(tx, 'fine_tuning.job.succeeded', { id: job.id, model, modelVersionId: version.id });
    return (await this.move(tx, 'succeed', job, { ...over, modelVersionId: version.id }))!;
  }

  private async failed(tx: RequestContext, job: FineTuneJobEntity, failure: RunFailure): Promise<FineTuneJobEntity> {
    await this.events.note(tx, job, 'error', `Failed: ${failure.code}: ${failure.message}`);
    await this.webhooks.emit(tx, 'fine_tuning.job.failed', { id: job.id, code: failure.code, message: failure.message });
    return (await this.move(tx, 'fail', job, { ...over, failure }))!;
  }

  private async requeued(tx: RequestContext, job: FineTuneJobEntity, end: RunEnd & { as: 'requeued' }): Promise<FineTuneJobEntity> {
    await this.events.note(tx, job, 'warn', `Queued again: ${end.why}`);
    if (end.discardCheckpointId) await this.jobs.removeCheckpoint(tx, end.discardCheckpointId);
    await this.outbox.enqueue(tx, 'fine-tune.run', { jobId: job.id });
    return (await this.move(tx, 'requeue', job, { heartbeatAt: null, enqueuedAt: now, etaSeconds: null, lostAttempts: job.lostAttempts + Number(end.lost) }))!;
  }

  private async cancelled(tx: RequestContext, job: FineTuneJobEntity): Promise<FineTuneJobEntity> {
    await this.events.note(tx, job, 'info', 'Cancelled.');
    await this.webhooks.emit(tx, 'fine_tuning.job.cancelled', { id: job.id });
    return (await this.move(tx, 'cancel', job, over))!;
  }

  private move(tx: RequestContext, name: keyof typeof TRANSITIONS, job: Pick<FineTuneJobEntity, 'id'> & { attempt?: number }, set: QueryDeepPartialEntity<FineTuneJobEntity>): Promise<FineTuneJobEntity | null> {
    const { from, to } = TRANSITIONS[name];
    const key: RunKey = { id: job.id, projectId: tx.projectId, ...(job.attempt === undefined ? {} : { attempt: job.attempt }) };
    return transition(tx.tx!, FineTuneJobEntity, key, from, { ...set, status: to });
  }
}
