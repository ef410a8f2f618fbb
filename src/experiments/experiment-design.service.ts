import { Injectable } from '@nestjs/common';
import { DomainError, notFound } from '../common/errors.js';
import { newId } from '../common/ids.js';
import { checkLabel } from '../common/references.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import type { ExperimentEntity, Guard, GuardMetric, Metric } from './experiment.entity.js';
import { ExperimentLifecycle } from './experiment.lifecycle.js';
import { ExperimentRepository } from './experiment.repository.js';
import { type ArmTarget, ExperimentSubjectService } from './experiment-subject.service.js';
import { METRICS } from './metrics.js';

export interface ArmInput {
  name: string;
  weight: number;
  target: string;
}

export interface GuardInput {
  metric: GuardMetric;
  maxWorse?: number | null;
  limit?: number | null;
}

export interface ExperimentInput {
  name: string;
  hypothesis?: string | null;
  subject: string;
  arms: ArmInput[];
  /** By default an arm `control` is added, of what the subject names now. */
  control?: string | null;
  allocation: number;
  primaryMetric: Metric;
  guards: GuardInput[];
  alpha: number;
  expectedUnits: number;
  observeSeconds: number;
}

export interface ArmWeight {
  arm: string;
  weight: number;
}

/** Name of the arm that is added when none is named as the control. */
const CONTROL = 'control';

/** Makes experiments, and changes how traffic is shared out. */
@Injectable()
export class ExperimentDesignService {
  constructor(
    private readonly database: Database,
    private readonly experiments: ExperimentRepository,
    private readonly lifecycle: ExperimentLifecycle,
    private readonly subjects: ExperimentSubjectService,
  ) {}

  /**
   * Makes a draft, which takes no traffic yet.
   * @throws DomainError bad_input for a design that cannot be; not_found, bad_reference, model_not_found for what it names.
   */
  create(ctx: RequestContext, input: ExperimentInput): Promise<ExperimentEntity> {
    const control = input.control ?? CONTROL;
    const guards = input.guards.map((guard) => ({ metric: guard.metric, maxWorse: guard.maxWorse ?? null, limit: guard.limit ?? null }));
    checkGuards(guards);
    return this.database.transaction(ctx, async (tx) => {
      const subject = await this.subjects.parse(tx, input.subject);
      const { target: named, named: baseline } = await this.subjects.now(tx, subject);
      const arms = input.control == null ? [impliedControl(named), ...input.arms] : input.arms;
      checkArms(arms, control);
      const targets = await Promise.all(arms.map(({ target }) => this.subjects.target(tx, subject, target)));
      checkDistinct(arms, targets);
      const experiment = await this.lifecycle.draft(tx, { ...plain(input), ...subject, baseline, control, guards });
      await this.experiments.addArms(tx, arms.map(({ name, weight }, position) => ({ id: newId('arm'), experimentId: experiment.id, name, weight, position, ...targets[position]! })));
      return experiment;
    });
  }

  /**
   * Changes the share of the traffic that takes part, or the weights of arms. Keys move only to arms that grow or from those that shrink.
   * @throws DomainError not_found, bad_input, conflict when it is over.
   */
  reshare(ctx: RequestContext, id: string, allocation: number | null, weights: ArmWeight[]): Promise<ExperimentEntity> {
    return this.database.transaction(ctx, async (tx) => {
      const experiment = await this.experiments.lock(tx, id);
      if (!experiment) throw notFound('experiment', id);
      const arms = await this.experiments.armsOf(tx, [id]);
      const given = new Map(weights.map(({ arm, weight }) => [arm, weight]));
      const unknown = weights.find(({ arm }) => !arms.some(({ name }) => name === arm));
      if (unknown) throw new DomainError('bad_input', `The experiment has no arm ${JSON.stringify(unknown.arm)}; it has ${arms.map(({ name }) => name).join(', ')}.`, 'weights');
      const after = arms.map((arm) => ({ ...arm, weight: given.get(arm.name) ?? arm.weight }));
      checkWeights(after, experiment.control);
      const changed = await this.lifecycle.reshare(tx, experiment, allocation ?? experiment.allocation, after.map(({ weight }) => weight));
      if (!changed) throw new DomainError('conflict', `Experiment ${id} is ${experiment.status}; only that of a draft or a running one can be shared out anew.`, 'id');
      await this.experiments.setWeights(tx, after);
      return (await this.experiments.find(tx, id))!;
    });
  }
}

function impliedControl(named: string | null): ArmInput {
  if (named === null) throw new DomainError('bad_input', 'The deployment splits its calls over several targets: say which is the control, as one of the arms.', 'control');
  return { name: CONTROL, weight: 1, target: named };
}

function plain({ name, hypothesis, allocation, primaryMetric, alpha, expectedUnits, observeSeconds }: ExperimentInput) {
  return { name, hypothesis: hypothesis ?? null, allocation, primaryMetric, alpha, expectedUnits, observeSeconds };
}

function checkArms(arms: ArmInput[], control: string): void {
  const names = arms.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new DomainError('bad_input', `Two arms are called ${JSON.stringify(twice)}; give each a name of its own.`, 'arms');
  names.forEach((name) => checkLabel(name, 'arms'));
  if (!names.includes(control)) throw new DomainError('bad_input', `The control ${JSON.stringify(control)} is none of the arms ${names.join(', ')}.`, 'control');
  checkWeights(arms, control);
}

function checkWeights(arms: { name: string; weight: number }[], control: string): void {
  if (!arms.some(({ name, weight }) => name === control && weight > 0) || arms.filter(({ weight }) => weight > 0).length < 2) {
    throw new DomainError('bad_input', 'The control and at least one other arm need a weight above 0: there would be nothing to compare.', 'weights');
  }
}

function checkDistinct(arms: ArmInput[], targets: ArmTarget[]): void {
  const seen = new Map<string, string>();
  targets.forEach(({ model, promptVersion }, index) => {
    const [what, name] = [model ?? String(promptVersion), arms[index]!.name];
    const other = seen.get(what);
    if (other !== undefined) throw new DomainError('bad_input', `The arms ${other} and ${name} are the same: ${model ?? `version ${promptVersion}`}.`, 'arms');
    seen.set(what, name);
  });
}

function checkGuards(guards: Guard[]): void {
  guards.forEach(({ metric, maxWorse, limit }, index) => {
    const refuse = (why: string) => { throw new DomainError('bad_input', `Guard ${metric}: ${why}`, 'guards'); };
    if (guards.findIndex((other) => other.metric === metric) !== index) refuse('there is one already; a metric has one guard.');
    if ((maxWorse === null) === (limit === null)) refuse('give either maxWorse, against the control, or limit, of the arm itself.');
    if (metric === 'latency_p95') {
      if (limit === null) refuse('a percentile is held against a limit; for a comparison with the control use latency_ms.');
    } else if (limit !== null && METRICS[metric].share && (limit < 0 || limit > 1)) refuse('its limit is a share between 0 and 1.');
    else if (maxWorse !== null && METRICS[metric].share && maxWorse > 1) refuse('maxWorse is a share; 0.02 allows two points of 100.');
  });
}
