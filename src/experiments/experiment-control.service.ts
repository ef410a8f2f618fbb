import { Injectable } from '@nestjs/common';
import { CallSettingsService } from '../calls/call-settings.service.js';
import { DomainError, notFound } from '../common/errors.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import type { ExperimentArmEntity, ExperimentEntity } from './experiment.entity.js';
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
   * @throws DomainError not_found; conflict when it is no draft, another experiment of its subject runs, or the project logs no calls.
   */
  start(ctx: RequestContext, id: string): Promise<ExperimentEntity> {
    return this.database.transaction(ctx, async (tx) => {
      const { experiment, arms } = await this.lock(tx, id);
      if ((await this.logging.find(tx)).mode === 'off') {
        throw new DomainError('conflict', 'The project logs no calls, and an experiment is measured by its calls. Set the mode metadata or full with setCallLogging first.', 'id');
      }
      if (!await this.lifecycle.start(tx, experiment, arms, (await this.subjects.now(tx, experiment)).named)) await this.refuseStart(tx, experiment);
      return this.found(tx, id);
    });
  }

  /**
   * Ends an experiment and, with `promote`, has its subject name that arm from now on, all at once: the label or alias is moved,
   * or the deployment pointed at it. A draft, and one that a guard halted, can be stopped as well.
   * @throws DomainError not_found, bad_input for an arm that it has not, or that an alias cannot name; conflict when it is stopped already, or its
   * subject does not name any more what it did when the experiment began; what moving it throws.
   */
  stop(ctx: RequestContext, id: string, promote: string | null): Promise<ExperimentEntity> {
    return this.database.transaction(ctx, async (tx) => {
      const { experiment, arms } = await this.lock(tx, id);
      const arm = promote === null ? null : arms.find(({ name }) => name === promote);
      if (arm === undefined) throw new DomainError('bad_input', `The experiment has no arm ${JSON.stringify(promote)}; it has ${arms.map(({ name }) => name).join(', ')}.`, 'promote');
      if (!await this.lifecycle.stop(tx, experiment, promote)) {
        throw new DomainError('conflict', `Experiment ${id} is stopped already${experiment.promotedArm === null ? '' : `, and ${experiment.promotedArm} was promoted`}.`, 'id');
      }
      if (arm) await this.promote(tx, experiment, arm);
      return this.found(tx, id);
    });
  }

  private async promote(tx: RequestContext, experiment: ExperimentEntity, arm: ExperimentArmEntity): Promise<void> {
    const { named, revision } = await this.subjects.now(tx, experiment);
    if (named === (arm.model ?? String(arm.promptVersion))) return;
    const baseline = experiment.baseline ?? named;
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
