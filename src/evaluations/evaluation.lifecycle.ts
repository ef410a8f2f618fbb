import { Injectable } from '@nestjs/common';
import type { QueryDeepPartialEntity } from 'typeorm';
import { RequestContext } from '../common/request-context.js';
import type { RunFailure } from '../common/run-state.js';
import { Database } from '../database/database.js';
import { Notifications } from '../database/notifications.js';
import { transition } from '../database/transition.js';
import { QuotaService } from '../limits/quota.service.js';
import { UsageService } from '../limits/usage.service.js';
import { Outbox } from '../queue/outbox.js';
import { EventService } from '../webhooks/event.service.js';
import { EvaluationRunEntity, type EvaluationStatus, type Estimate } from './evaluation.entity.js';
import { EvaluationRepository, type NewSample, type Totals } from './evaluation.repository.js';

/** A worker sends a heartbeat this often; a run that had none for STALE is taken from it. */
export const HEARTBEAT_MS = 5_000;
const STALE = "interval '20 seconds'";
/** A queued run is put on its queue again when none has claimed it for so long: the message may be lost. */
const UNSEEN = "interval '30 seconds'";
const MAX_LOST_ATTEMPTS = 3;

/** What a worker learns from a write: go on, end because a user asked, or end because the run is no longer its own. */
export type Orders = 'go on' | 'stop' | 'fenced';

export const isOver = (status: EvaluationStatus): boolean => status !== 'queued' && status !== 'running';
export const runTopic = (id: string): string => `evaluation-run:${id}`;

const now = () => 'now()';

/** The only writer of an evaluation run's status. `attempt` fences: a worker whose run was taken over changes nothing. */
@Injectable()
export class EvaluationLifecycle {
  constructor(
    private readonly database: Database,
    private readonly notifications: Notifications,
    private readonly outbox: Outbox,
    private readonly events: EventService,
    private readonly evaluations: EvaluationRepository,
    private readonly usage: UsageService,
    private readonly quotas: QuotaService,
  ) {}

  /** In the caller's transaction. @throws DomainError quota_exceeded, insufficient_quota. */
  async queue(ctx: RequestContext, run: Pick<EvaluationRunEntity, 'id' | 'suiteId' | 'modelVersionId' | 'promptVersionId' | 'promptPins' | 'sampling' | 'rewardVersionId' | 'items'>): Promise<EvaluationRunEntity> {
    await this.quotas.holdRun(ctx);
    const manager = this.database.manager(ctx);
    await manager.insert(EvaluationRunEntity, { ...run, projectId: ctx.projectId, createdBy: ctx.principal });
    await this.outbox.enqueue(ctx, 'evaluation.run', { runId: run.id });
    return manager.findOneByOrFail(EvaluationRunEntity, { id: run.id, projectId: ctx.projectId });
  }

  /** Makes a queued run this worker's; null when it is not queued (another has it, or it is over). */
  claim(ctx: RequestContext, id: string): Promise<EvaluationRunEntity | null> {
    return this.move(ctx, { id }, ['queued'], { status: 'running', attempt: () => 'attempt + 1', heartbeatAt: now, startedAt: () => 'coalesce(started_at, now())' });
  }

  async heartbeat(ctx: RequestContext, run: EvaluationRunEntity, seconds: number): Promise<Orders> {
    return this.touch(ctx, run, { heartbeatAt: now, seconds });
  }

  /** Stores all answers to one item, or none when the run is no longer this worker's. */
  recordItem(ctx: RequestContext, run: EvaluationRunEntity, samples: NewSample[], seconds: number): Promise<Orders> {
    return this.database.transaction(ctx, async (tx) => {
      const orders = await this.touch(tx, run, { heartbeatAt: now, seconds, done: () => 'done + 1' });
      if (orders === 'fenced') return orders;
      await this.evaluations.addSamples(tx, run.id, samples);
      await this.notifications.notify(tx.tx!, runTopic(run.id));
      return orders;
    });
  }

  async succeed(ctx: RequestContext, run: EvaluationRunEntity, results: Totals & { gold: Estimate; seconds: number; cost: number }): Promise<void> {
    await this.database.transaction(ctx, async (tx) => {
      const done = await this.move(tx, run, ['running'], { status: 'succeeded', finishedAt: now, ...results });
      if (!done) return;
      await this.usage.charge(tx, run.createdBy, results);
      await this.events.emit(tx, 'evaluation.succeeded', { id: run.id });
    });
  }

  async fail(ctx: RequestContext, run: EvaluationRunEntity, failure: RunFailure): Promise<void> {
    await this.database.transaction(ctx, async (tx) => {
      const failed = await this.move(tx, run, ['running'], { status: 'failed', finishedAt: now, failure });
      if (failed) await this.events.emit(tx, 'evaluation.failed', { id: run.id, code: failure.code });
    });
  }

  /** A queued run is cancelled at once; a running one when its worker sees the request, within a heartbeat. */
  cancel(ctx: RequestContext, id: string): Promise<void> {
    return this.database.transaction(ctx, async (tx) => {
      if (await this.move(tx, { id }, ['queued'], { status: 'cancelled', finishedAt: now })) return;
      await tx.tx!.createQueryBuilder().update(EvaluationRunEntity).set({ stopRequestedAt: now })
        .where({ id, projectId: tx.projectId, status: 'running' }).execute();
    });
  }

  /** The worker has stopped as asked. */
  async cancelled(ctx: RequestContext, run: EvaluationRunEntity): Promise<void> {
    await this.move(ctx, run, ['running'], { status: 'cancelled', finishedAt: now });
  }

  /** Hands a run back (the worker shuts down, or has failed for an unknown reason, which `lost` counts). */
  release(ctx: RequestContext, run: EvaluationRunEntity, lost: boolean): Promise<void> {
    return this.database.transaction(ctx, async (tx) => {
      const released = await this.move(tx, run, ['running'], { status: 'queued', heartbeatAt: null, enqueuedAt: now, ...(lost && { lostAttempts: () => 'lost_attempts + 1' }) });
      if (released) await this.outbox.enqueue(tx, 'evaluation.run', { runId: run.id });
    });
  }

  /** Takes runs from workers that are gone and puts queued ones on the queue again that none has claimed. */
  async reconcile(): Promise<number> {
    const stale = await this.database.platform.createQueryBuilder(EvaluationRunEntity, 'run')
      .where("run.status = 'running'").andWhere(`run.heartbeatAt < now() - ${STALE}`).getMany();
    for (const run of stale) await this.recover(RequestContext.forJob(run.projectId, 'evaluation.reconcile'), run);
    const unseen = await this.database.platform.createQueryBuilder(EvaluationRunEntity, 'run')
      .where("run.status = 'queued'").andWhere(`run.enqueuedAt < now() - ${UNSEEN}`).getMany();
    for (const run of unseen) await this.enqueueAgain(RequestContext.forJob(run.projectId, 'evaluation.reconcile'), run.id);
    return stale.length + unseen.length;
  }

  private async recover(ctx: RequestContext, run: EvaluationRunEntity): Promise<void> {
    if (run.stopRequestedAt) return this.cancelled(ctx, run);
    if (run.lostAttempts < MAX_LOST_ATTEMPTS) return this.release(ctx, run, true);
    return this.fail(ctx, run, {
      code: 'lost', message: `The workers of ${MAX_LOST_ATTEMPTS + 1} attempts ended without saying why; their logs may. What was answered is kept: start the evaluation again once mended.`,
    });
  }

  private enqueueAgain(ctx: RequestContext, id: string): Promise<void> {
    return this.database.transaction(ctx, async (tx) => {
      const { affected } = await tx.tx!.createQueryBuilder().update(EvaluationRunEntity).set({ enqueuedAt: now })
        .where(`id = :id AND project_id = :projectId AND status = 'queued' AND enqueued_at < now() - ${UNSEEN}`, { id, projectId: ctx.projectId }).execute();
      if (affected === 1) await this.outbox.enqueue(tx, 'evaluation.run', { runId: id });
    });
  }

  private async touch(ctx: RequestContext, run: EvaluationRunEntity, set: QueryDeepPartialEntity<EvaluationRunEntity>): Promise<Orders> {
    const { raw } = await this.database.manager(ctx).createQueryBuilder().update(EvaluationRunEntity).set(set)
      .where({ id: run.id, projectId: ctx.projectId, status: 'running', attempt: run.attempt }).returning('stop_requested_at').execute() as { raw: { stop_requested_at: Date | null }[] };
    if (!raw[0]) return 'fenced';
    return raw[0].stop_requested_at ? 'stop' : 'go on';
  }

  private move(ctx: RequestContext, run: { id: string; attempt?: number }, from: EvaluationStatus[], set: QueryDeepPartialEntity<EvaluationRunEntity>): Promise<EvaluationRunEntity | null> {
    return this.database.transaction(ctx, async (tx) => {
      const key = { id: run.id, projectId: ctx.projectId, ...(run.attempt !== undefined && { attempt: run.attempt }) };
      const moved = await transition(tx.tx!, EvaluationRunEntity, key, from, set);
      if (moved) await this.notifications.notify(tx.tx!, runTopic(run.id));
      return moved;
    });
  }
}
