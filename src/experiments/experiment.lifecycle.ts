import { Injectable } from '@nestjs/common';
import type { QueryDeepPartialEntity } from 'typeorm';
import { newId } from '../common/ids.js';
import { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { Notifications } from '../database/notifications.js';
import { announce } from '../database/remembered.js';
import { Outbox } from '../queue/outbox.js';
import { EventService } from '../webhooks/event.service.js';
import { ExperimentEntity, type ExperimentStatus, type Halt } from './experiment.entity.js';

/** Notices of what runs, for those who remember it. */
export const RUNNING_TOPIC = 'experiments';
/** A check that was put on its queue is put there again when it has not been made for so long. */
const UNCHECKED = "interval '60 seconds'";
/** Experiments whose checks are started at a time. */
const CHECKS = 100;

export type NewExperiment = Pick<ExperimentEntity,
  'name' | 'hypothesis' | 'subject' | 'subjectName' | 'label' | 'control' | 'allocation' | 'primaryMetric' | 'guards' | 'alpha' | 'expectedUnits' | 'observeSeconds' | 'baseline'>;

/** As apps name it: `prompts:/name@label`, `models:/name@alias`, or the name of a deployment. */
export const subjectOf = ({ subject, subjectName, label }: Pick<ExperimentEntity, 'subject' | 'subjectName' | 'label'>): string =>
  (subject === 'deployment' ? subjectName : `${subject}s:/${subjectName}@${label}`);

const now = () => 'now()';

/**
 * draft → running → stopped, or halted by a guard or for want of its subject or an arm's target, from which it may still be stopped. One experiment of a subject runs at
 * a time. Each change is told to those who remember what runs, and to the world, in its transaction.
 */
@Injectable()
export class ExperimentLifecycle {
  constructor(
    private readonly database: Database,
    private readonly notifications: Notifications,
    private readonly outbox: Outbox,
    private readonly events: EventService,
  ) {}

  /** In the caller's transaction. */
  async draft(tx: RequestContext, experiment: NewExperiment): Promise<ExperimentEntity> {
    const manager = this.database.manager(tx);
    const id = newId('exp');
    await manager.insert(ExperimentEntity, { ...experiment, id, projectId: tx.projectId, createdBy: tx.principal });
    return manager.findOneByOrFail(ExperimentEntity, { id, projectId: tx.projectId });
  }

  /**
   * Lets a draft take traffic.
   * @param weights of the arms, in their order
   * @returns false when it is no draft, or another of its subject runs.
   */
  async start(tx: RequestContext, experiment: ExperimentEntity, arms: { name: string; weight: number }[]): Promise<boolean> {
    // Two that start at once wait here, so that the second sees the first.
    await this.database.manager(tx).query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`experiment ${tx.projectId} ${subjectOf(experiment)}`]);
    const others = `NOT EXISTS (SELECT FROM experiments AS other WHERE other.project_id = experiments.project_id AND other.status = 'running'
      AND other.subject = experiments.subject AND other.subject_name = experiments.subject_name AND other.label = experiments.label)`;
    const started = await this.move(tx, experiment.id, ['draft'], { status: 'running', startedAt: now, nextCheckAt: now, weightings: [arms.map(({ weight }) => weight)] }, others);
    if (started) await this.events.emit(tx, 'experiment.started', { id: experiment.id, subject: subjectOf(experiment), arms: arms.map(({ name }) => name) });
    return started;
  }

  /** Changes how traffic is shared out. @returns false when the experiment is over. */
  async reshare(tx: RequestContext, experiment: ExperimentEntity, allocation: number, weights: number[]): Promise<boolean> {
    const known = experiment.weightings.at(-1);
    const reweighted = experiment.status === 'running' && weights.some((weight, index) => weight !== known?.[index]);
    return this.move(tx, experiment.id, ['draft', 'running'], {
      allocation, ...(reweighted && { weightings: [...experiment.weightings, weights], reweightedAt: () => 'array_append(reweighted_at, now())' }),
    });
  }

  /** Ends it for good. @returns false when it is stopped already. */
  async stop(tx: RequestContext, experiment: ExperimentEntity, promotedArm: string | null): Promise<boolean> {
    const stopped = await this.move(tx, experiment.id, ['draft', 'running', 'halted'], { status: 'stopped', promotedArm, finishedAt: () => 'coalesce(finished_at, now())' });
    if (stopped) await this.events.emit(tx, 'experiment.stopped', { id: experiment.id, subject: subjectOf(experiment), promotedArm });
    return stopped;
  }

  /** Ends it because a guard was violated, or what it needs is gone. @returns false when it does not run any more. */
  halt(ctx: RequestContext, experiment: ExperimentEntity, halt: Halt): Promise<boolean> {
    return this.database.transaction(ctx, async (tx) => {
      const halted = await this.move(tx, experiment.id, ['running'], { status: 'halted', halt, finishedAt: now });
      if (halted) await this.events.emit(tx, 'experiment.halted', { id: experiment.id, subject: subjectOf(experiment), ...halt });
      return halted;
    });
  }

  /** Says when a running experiment is looked at next. */
  async checkAgain(ctx: RequestContext, id: string, afterMs: number): Promise<void> {
    await this.database.manager(ctx).createQueryBuilder().update(ExperimentEntity).set({ nextCheckAt: () => `now() + interval '${Math.round(afterMs)} milliseconds'` })
      .where({ id, projectId: ctx.projectId, status: 'running' }).execute();
  }

  /** Starts the checks that are due. */
  async reconcile(): Promise<number> {
    const due = await this.database.platform.createQueryBuilder(ExperimentEntity, 'experiment').select(['experiment.id', 'experiment.projectId'])
      .where("experiment.status = 'running' AND experiment.next_check_at <= now()").orderBy('experiment.next_check_at').limit(CHECKS).getMany();
    for (const { id, projectId } of due) await this.startCheck(RequestContext.forJob(projectId, 'experiment.reconcile'), id);
    return due.length;
  }

  private startCheck(ctx: RequestContext, id: string): Promise<void> {
    return this.database.transaction(ctx, async (tx) => {
      const { affected } = await this.database.manager(tx).createQueryBuilder().update(ExperimentEntity).set({ nextCheckAt: () => `now() + ${UNCHECKED}` })
        .where("id = :id AND project_id = :projectId AND status = 'running' AND next_check_at <= now()", { id, projectId: tx.projectId }).execute();
      if (affected === 1) await this.outbox.enqueue(tx, 'experiment.check', { experimentId: id });
    });
  }

  private async move(tx: RequestContext, id: string, from: ExperimentStatus[], set: QueryDeepPartialEntity<ExperimentEntity>, condition = 'true'): Promise<boolean> {
    const { affected } = await this.database.manager(tx).createQueryBuilder().update(ExperimentEntity).set(set)
      .where(`id = :id AND project_id = :projectId AND status = ANY(:from) AND ${condition}`, { id, projectId: tx.projectId, from }).execute();
    if (affected !== 1) return false;
    await announce(this.database, this.notifications, tx, `${RUNNING_TOPIC}:${tx.projectId}`);
    return true;
  }
}
