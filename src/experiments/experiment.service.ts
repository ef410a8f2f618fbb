import { Injectable } from '@nestjs/common';
import { batched, batchedLists, byId, byParent } from '../common/batched.js';
import { notFound } from '../common/errors.js';
import { type KeysetArgs, mapNodes, type Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { Notifications } from '../database/notifications.js';
import { Remembered } from '../database/remembered.js';
import { ProviderService } from '../deployments/provider.service.js';
import type { ExperimentArmEntity, ExperimentEntity } from './experiment.entity.js';
import { RUNNING_TOPIC, subjectOf } from './experiment.lifecycle.js';
import { type ExperimentListArgs, ExperimentRepository } from './experiment.repository.js';
import { draw, murmur3, stick, takesPart, type Weighted } from './sticky-hash.js';

/**
 * What a call is made to: the app goes on naming this, whatever an experiment gives it. `deployment` is said of all that a
 * call may name as its model: a deployment's name, or `models:/name@alias`.
 */
export type Subject = { kind: 'prompt'; name: string; label: string } | { kind: 'deployment'; name: string };

/** The arm of a call. */
export interface Assignment {
  experimentId: string;
  arm: string;
  /** Of a prompt's experiment: the version to render. */
  promptVersion: number | null;
  /** Of a deployment's or model's experiment: the model to call. */
  model: string | null;
}

/** An experiment as calls are assigned by it. */
interface Running {
  seed: number;
  allocation: number;
  arms: (Weighted & { assignment: Assignment })[];
}

/** What runs in a project, by its subject. */
type RunningExperiments = ReadonlyMap<string, Running>;

const FRESH_MS = 1_000;
const KEY = 'running';

@Injectable()
export class ExperimentService {
  /** By id; undefined for one that is not there. */
  readonly load = batched(async (ctx, ids: readonly string[]) => byId(await this.experiments.findByIds(ctx, ids)));
  /** Arms of an experiment, in their order. */
  readonly armsOf = batched(async (ctx, ids: readonly string[]) => byParent(ids, await this.experiments.armsOf(ctx, ids), (arm) => arm.experimentId));
  private readonly loadOfVersions = batchedLists((ctx, versionIds, args: KeysetArgs) => this.ofVersions(ctx, versionIds, args));
  private readonly running: Remembered<RunningExperiments>;

  constructor(
    private readonly experiments: ExperimentRepository,
    private readonly providers: ProviderService,
    database: Database,
    notifications: Notifications,
  ) {
    this.running = new Remembered(database, notifications, { topic: RUNNING_TOPIC, freshMs: FRESH_MS, max: 10_000 });
  }

  /**
   * Which arm a call belongs to, or null when no experiment of its subject takes it. At once when what runs is in memory.
   * @param stickyKey the same key gets the same arm; without one each call is drawn by itself
   */
  assign(ctx: RequestContext, subject: Subject, stickyKey: string | null): Assignment | null | Promise<Assignment | null> {
    const running = this.running.peek(ctx.projectId, KEY);
    if (running) return running.size === 0 ? null : choose(running, subject, stickyKey);
    return this.whatRuns(ctx).then((found) => choose(found, subject, stickyKey));
  }

  /** @throws DomainError not_found. */
  async find(ctx: RequestContext, id: string): Promise<ExperimentEntity> {
    const experiment = await this.experiments.find(ctx, id);
    if (!experiment) throw notFound('experiment', id);
    return experiment;
  }

  list(ctx: RequestContext, args: ExperimentListArgs): Promise<Page<ExperimentEntity>> {
    return this.experiments.list(ctx, args);
  }

  /** Those that a version of a prompt is an arm of. */
  listOfVersion(ctx: RequestContext, promptVersionId: string, args: KeysetArgs): Promise<Page<ExperimentEntity>> {
    return this.loadOfVersions(ctx, promptVersionId, args);
  }

  private async ofVersions(ctx: RequestContext, versionIds: readonly string[], args: KeysetArgs): Promise<Map<string, Page<ExperimentEntity>>> {
    const pages = await this.experiments.armsOfVersions(ctx, versionIds, args);
    const ids = [...pages.values()].flatMap(({ nodes }) => nodes.map((arm) => arm.experimentId));
    const found = byId(await this.experiments.findByIds(ctx, [...new Set(ids)]));
    return new Map(Array.from(pages, ([id, page]) => [id, mapNodes(page, (arm) => found.get(arm.experimentId)!)]));
  }

  private async whatRuns(ctx: RequestContext): Promise<RunningExperiments> {
    return (await this.running.get(ctx.projectId, KEY, async () => {
      const running = await this.experiments.findRunning(ctx);
      if (running.length === 0) return new Map();
      const arms = byParent(running.map(({ id }) => id), await this.experiments.armsOf(ctx, running.map(({ id }) => id)), (arm) => arm.experimentId);
      const whole = await this.whole(ctx, arms);
      return new Map(running.filter(({ id }) => whole(arms.get(id)!)).map((experiment) => [subjectOf(experiment), compile(experiment, arms.get(experiment.id)!)]));
    }))!;
  }

  /** Whether the providers of all arms are there. An experiment that lost one gives its traffic back at once; the worker halts it. */
  private async whole(ctx: RequestContext, arms: Map<string, ExperimentArmEntity[]>): Promise<(arms: ExperimentArmEntity[]) => boolean> {
    if (![...arms.values()].flat().some(({ model }) => providerOf(model) !== null)) return () => true;
    const there = new Set((await this.providers.all(ctx)).map(({ name }) => name));
    return (own) => own.every(({ model }) => {
      const provider = providerOf(model);
      return provider === null || there.has(provider);
    });
  }
}

/** The provider of `<provider>/<model>`; null for a registered model, and for no model. */
const providerOf = (model: string | null): string | null => (model === null || model.startsWith('models:/') ? null : model.slice(0, model.indexOf('/')));

function compile({ id, allocation }: ExperimentEntity, arms: ExperimentArmEntity[]): Running {
  const seed = murmur3(id, 0);
  return {
    seed, allocation,
    arms: arms.map(({ name, weight, promptVersion, model }) => ({ weight, seed: murmur3(name, seed), assignment: Object.freeze({ experimentId: id, arm: name, promptVersion, model }) })),
  };
}

function choose(running: RunningExperiments, subject: Subject, stickyKey: string | null): Assignment | null {
  const experiment = running.get(subject.kind === 'prompt' ? `prompts:/${subject.name}@${subject.label}` : subject.name);
  if (!experiment) return null;
  const { seed, allocation, arms } = experiment;
  if (stickyKey === null || stickyKey === '') return Math.random() < allocation ? draw(arms).assignment : null;
  const hash = murmur3(stickyKey, seed);
  return takesPart(hash, allocation) ? stick(hash, arms).assignment : null;
}
