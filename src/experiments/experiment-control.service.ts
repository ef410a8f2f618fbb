import { Injectable } from '@nestjs/common';
import { CallSettingsService } from '../calls/call-settings.service.js';
import { DomainError, notFound } from '../common/errors.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import type { ExperimentArmEntity, ExperimentEntity, Halt } from './experiment.entity.js';
import { ExperimentLifecycle, subjectOf } from './experiment.lifecycle.js';
import { ExperimentRepository } from './experiment.repository.js';
import { ExperimentSubjectService } from './experiment-subject.service.js';

/** Starts and ends experiments. */
@Injectable()
export class ExperimentControlService {
  constructor(
    private readonly database: Database,
    private readonly experiments: ExperimentRepository,
    private readonly lifecycle: ExperimentLifecycle,
    private readonly subjects: ExperimentSubjectService,
    private readonly logging: CallSettingsService,
  ) {}

  /**
   * Lets a draft take traffic: within a second, in all processes.
   * @throws DomainError not_found; conflict when it is no draft, its subject names something else than when the draft was
   * made, another experiment of its subject runs, or the project logs no calls; model_not_found for an arm whose target is gone.
   */
  start(ctx: RequestContext, id: string): Promise<ExperimentEntity> {
    return this.database.transaction(ctx, async (tx) => {
      const { experiment, arms } = await this.lock(tx, id);
      if ((await this.logging.find(tx)).mode === 'off') {
        throw new DomainError('conflict', 'The project logs no calls, and an experiment is measured by its calls. Set the mode metadata or full with setCallLogging first.', 'id');
      }
      if (experiment.status === 'draft') await this.assertAsDrafted(tx, experiment, arms);
      if (!await this.lifecycle.start(tx, experiment, arms)) await this.refuseStart(tx, experiment);
      return this.found(tx, id);
    });
  }

  /**
   * Ends an experiment and, with `promote`, has its subject name that arm from now on, all at once: the label or alias is moved,
   * or the deployment pointed at it. One that was halted can be stopped as well; so can a draft, without `promote`.
   * @throws DomainError not_found, bad_input for an arm that it has not, or that an alias cannot name; conflict when it is stopped already, never
   * ran, or its subject does not name any more what it did when the experiment began; what moving it throws.
   */
  stop(ctx: RequestContext, id: string, promote: string | null): Promise<ExperimentEntity> {
    return this.database.transaction(ctx, async (tx) => {
      const { experiment, arms } = await this.lock(tx, id);
      const arm = promote === null ? null : arms.find(({ name }) => name === promote);
      if (arm === undefined) throw new DomainError('bad_input', `The experiment has no arm ${JSON.stringify(promote)}; it has ${arms.map(({ name }) => name).join(', ')}.`, 'promote');
      if (arm && experiment.status === 'draft') {
        throw new DomainError('conflict', `Experiment ${id} never ran, so nothing speaks for ${arm.name}. Stop it without promote; to move ${subjectOf(experiment)} all the same, do that itself.`, 'promote');
      }
      if (!await this.lifecycle.stop(tx, experiment, promote)) {
        throw new DomainError('conflict', `Experiment ${id} is stopped already${experiment.promotedArm === null ? '' : `, and ${experiment.promotedArm} was promoted`}.`, 'id');
      }
      if (arm) await this.promote(tx, experiment, arm);
      return this.found(tx, id);
    });
  }

  /**
   * What a running experiment needs and has no more: its subject, or the target of an arm.
   * @returns null when all is there.
   */
  async lacks(ctx: RequestContext, experiment: ExperimentEntity): Promise<Halt | null> {
    const subject = await goneOf(this.subjects.now(ctx, experiment));
    if (subject !== null) return { metric: null, arm: null, message: `What it is about is gone. ${subject}` };
    for (const { name, model } of await this.experiments.armsOf(ctx, [experiment.id])) {
      const target = model === null ? null : await goneOf(this.subjects.target(ctx, experiment, model));
      if (target !== null) return { metric: null, arm: name, message: `The target of the arm ${name} is gone. ${target}` };
    }
    return null;
  }

  /** A design is of a time: what the control stands for, and what the others are compared with, is what the subject named then. */
  private async assertAsDrafted(tx: RequestContext, experiment: ExperimentEntity, arms: ExperimentArmEntity[]): Promise<void> {
    const { named } = await this.subjects.now(tx, experiment);
    if (named !== experiment.baseline) {
      throw new DomainError('conflict', `${subjectOf(experiment)} names ${named} now, not ${experiment.baseline} as when the draft was made: it would be taken back to that. Make a new experiment with the same design.`, 'id');
    }
    for (const { model } of arms) if (model !== null) await this.subjects.target(tx, experiment, model);
  }

  private async promote(tx: RequestContext, experiment: ExperimentEntity, arm: ExperimentArmEntity): Promise<void> {
    const { named, revision } = await this.subjects.now(tx, experiment);
    if (named === (arm.model ?? String(arm.promptVersion))) return;
    const { baseline } = experiment;
    if (named !== baseline) {
      throw new DomainError('conflict', `${subjectOf(experiment)} names ${named} now, not ${baseline} as when the experiment began: another moved it. Stop without promote, and move it yourself if that is still right.`, 'promote');
    }
    await this.subjects.move(tx, experiment, arm, revision);
  }

  private async refuseStart(tx: RequestContext, experiment: ExperimentEntity): Promise<never> {
    if (experiment.status !== 'draft') throw new DomainError('conflict', `Experiment ${experiment.id} is ${experiment.status}; only a draft can be started. Make a new one with the same design.`, 'id');
    const other = await this.experiments.findRunningOf(tx, experiment);
    throw new DomainError('conflict', `${subjectOf(experiment)} has a running experiment already, ${JSON.stringify(other?.name)} (${other?.id}); stop it first.`, 'id');
  }

  private async lock(tx: RequestContext, id: string): Promise<{ experiment: ExperimentEntity; arms: ExperimentArmEntity[] }> {
    const experiment = await this.experiments.lock(tx, id);
    if (!experiment) throw notFound('experiment', id);
    return { experiment, arms: await this.experiments.armsOf(tx, [id]) };
  }

  private async found(tx: RequestContext, id: string): Promise<ExperimentEntity> {
    return (await this.experiments.find(tx, id))!;
  }
}

/** Why what is asked for is not there; null when it is. */
async function goneOf(asked: Promise<unknown>): Promise<string | null> {
  try {
    await asked;
    return null;
  } catch (error) {
    if (error instanceof DomainError && (error.code === 'not_found' || error.code === 'model_not_found')) return error.message;
    throw error;
  }
}
