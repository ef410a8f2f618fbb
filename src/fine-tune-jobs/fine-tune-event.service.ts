import { Injectable } from '@nestjs/common';
import { createHash, timingSafeEqual } from 'node:crypto';
import { batchedLists, byParent } from '../common/batched.js';
import { DomainError } from '../common/errors.js';
import { newId } from '../common/ids.js';
import { decodeCursor } from '../common/pagination.js';
import { RequestContext } from '../common/request-context.js';
import { closable } from '../common/subscription.js';
import type { ArtefactEvent, RunEvent, RunEventBatch } from '../contracts/contracts.generated.js';
import { Database } from '../database/database.js';
import { Notifications } from '../database/notifications.js';
import type { FineTuneEventEntity, FineTuneJobEntity } from './fine-tune-job.entity.js';
import { type FineTuneEventListArgs, FineTuneEventRepository, type MetricPoint, type NewEvent } from './fine-tune-event.repository.js';
import { FineTuneJobRepository } from './fine-tune-job.repository.js';
import { nextInOrder, parseBatch } from './run-event-batch.js';
import { artefactDirectory, checkpointDirectory } from './run-paths.js';

/** What the trainer is answered (contracts/run-events.schema.json). */
export interface Acknowledgement {
  acknowledged: number;
  stop: boolean;
}

export interface FollowedEvent {
  event: FineTuneEventEntity;
  job: FineTuneJobEntity;
}

const FOLLOW_BATCH = 200;

export const hashToken = (token: string): string => createHash('sha256').update(token).digest('hex');
export const jobTopic = (jobId: string): string => `fine-tune-job:${jobId}`;

/** Takes in what a trainer reports, and hands the events of a job out again, in order and without loss. */
@Injectable()
export class FineTuneEventService {
  /** Events of a job. */
  readonly list = batchedLists((ctx, jobIds, args: FineTuneEventListArgs) => this.events.list(ctx, jobIds, args));
  /** A metric of a job by its name, step by step. */
  readonly metric = batchedLists<string, MetricPoint[]>(async (ctx, jobIds, name) =>
    byParent(jobIds, await this.events.metric(ctx, jobIds, name), ({ jobId }) => jobId));

  constructor(
    private readonly database: Database,
    private readonly jobs: FineTuneJobRepository,
    private readonly events: FineTuneEventRepository,
    private readonly notifications: Notifications,
  ) {}

  /**
   * Stores a batch that a trainer posted.
   * @throws DomainError unauthenticated when the token is not that of the job's current attempt, as for a job that does
   *   not exist; fenced when the attempt is over; bad_input.
   */
  async accept(jobId: string, authorization: string | undefined, body: unknown): Promise<Acknowledgement> {
    const token = /^Bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1] ?? '';
    const job = await this.jobs.findByIdAlone(jobId);
    const known = job?.tokenHash != null && timingSafeEqual(Buffer.from(hashToken(token)), Buffer.from(job.tokenHash));
    if (!known) {
      throw new DomainError('unauthenticated', 'The one-run token is not that of the job\'s current attempt.');
    }
    const batch = parseBatch(body);
    return this.ingest(RequestContext.forJob(job.projectId, 'fine-tune.events'), jobId, batch);
  }

  /**
   * Stores each event of the current attempt once, in order; after a gap nothing.
   * @throws DomainError fenced when the job is not running this attempt.
   */
  ingest(ctx: RequestContext, jobId: string, batch: RunEventBatch): Promise<Acknowledgement> {
    return this.database.transaction(ctx, async (tx) => {
      const job = await this.jobs.lock(tx, { id: jobId, attempt: batch.attempt, status: 'running' });
      if (!job) throw new DomainError('fenced', `Attempt ${batch.attempt} is over.`);
      const last = await this.events.lastSeq(tx, jobId, batch.attempt);
      const fresh = nextInOrder(batch.events, last);
      if (fresh.length > 0) {
        await this.events.add(tx, fresh.map((event) => this.toRow(job, event)));
        await this.apply(tx, job, fresh);
        await this.notifications.notify(tx.tx!, jobTopic(jobId));
      }
      return { acknowledged: last + fresh.length, stop: job.stopRequestedAt !== null };
    });
  }

  /** Adds an event of the service's own, in the caller's transaction, which holds the job's row. */
  async note(tx: RequestContext, job: FineTuneJobEntity, level: 'info' | 'warn' | 'error', message: string): Promise<void> {
    await this.events.add(tx, [{ jobId: job.id, attempt: job.attempt, seq: null, type: 'log', data: { level, message: message.replaceAll('\0', '\uFFFD') }, at: new Date() }]);
    await this.notifications.notify(tx.tx!, jobTopic(job.id));
  }

  lastSeq(ctx: RequestContext, job: FineTuneJobEntity): Promise<number> {
    return this.events.lastSeq(ctx, job.id, job.attempt);
  }

  /** What the attempt made, if it got that far. */
  async artefactOf(ctx: RequestContext, job: FineTuneJobEntity): Promise<Omit<ArtefactEvent, 'seq' | 'at' | 'type'> | null> {
    const event = await this.events.findOne(ctx, job.id, job.attempt, 'artefact');
    return event && (event.data as unknown as ArtefactEvent);
  }

  /**
   * Every event after the cursor, those to come included, each with the job as it is; ends when the job is over.
   * @throws DomainError bad_input for a cursor that is none.
   */
  follow(ctx: RequestContext, jobId: string, after: string | null): AsyncGenerator<FollowedEvent, void> {
    const cursor = eventIdOf(after);
    return closable((signal) => this.read(ctx, jobId, cursor, signal));
  }

  private async *read(ctx: RequestContext, jobId: string, cursor: string | null, signal: AbortSignal): AsyncGenerator<FollowedEvent, void> {
    for await (const _ of this.notifications.watch(jobTopic(jobId), signal)) {
      for (let more = true; more && !signal.aborted;) {
        // Read before the events: of a job that is over by then this read of them misses none.
        const job = await this.jobs.find(ctx, jobId);
        if (!job) return;
        const rows = await this.events.after(ctx, jobId, FOLLOW_BATCH, cursor);
        more = rows.length > FOLLOW_BATCH;
        for (const event of rows.slice(0, FOLLOW_BATCH)) {
          yield { event, job };
          cursor = event.id;
        }
        if (!more && job.finishedAt !== null) return;
      }
    }
  }

  private toRow(job: FineTuneJobEntity, event: RunEvent): NewEvent {
    const { seq, at, type, ...data } = event;
    const place = pathOf(job, event);
    return { jobId: job.id, attempt: job.attempt, seq, type, at: new Date(at), data: place ? { ...data, path: place } : data };
  }

  private async apply(tx: RequestContext, job: FineTuneJobEntity, events: RunEvent[]): Promise<void> {
    const set: Parameters<FineTuneJobRepository['report']>[2] = {};
    for (const event of events) {
      if (event.type === 'started') set.step = event.resumedFromStep;
      if (event.type === 'metrics') Object.assign(set, { step: event.step, etaSeconds: event.etaSeconds });
      if (event.type === 'report') set.rewardReport = event.report;
      if (event.type === 'finished') {
        const { seq: _seq, at: _at, type: _type, ...summary } = event;
        Object.assign(set, { summary, step: event.step, etaSeconds: null });
      }
      if (event.type === 'checkpoint') {
        const { step, manifest, metrics } = event;
        await this.jobs.addCheckpoint(tx, { id: newId('ckpt'), jobId: job.id, attempt: job.attempt, step, path: pathOf(job, event)!, manifest, metrics });
      }
    }
    await this.jobs.report(tx, { id: job.id, projectId: job.projectId, attempt: job.attempt }, set);
  }
}

const eventIdOf = (cursor: string | null | undefined): string | null => {
  if (cursor == null) return null;
  const id = decodeCursor(cursor);
  if (!/^\d{1,18}$/.test(id)) throw new DomainError('bad_input', `${JSON.stringify(cursor)} is not a cursor of events.`, 'after');
  return id;
};

function pathOf(job: FineTuneJobEntity, event: RunEvent): string | null {
  if (event.type === 'checkpoint') return checkpointDirectory(job.id, job.attempt, event.step);
  return event.type === 'artefact' ? artefactDirectory(job.id, job.attempt) : null;
}
