import { Inject, Injectable } from '@nestjs/common';
import { join } from 'node:path';
import { batched, batchedLists, byId, byParent } from '../common/batched.js';
import { DomainError, notFound } from '../common/errors.js';
import type { Page } from '../common/pagination.js';
import { checkLabel, checkName, parseReference } from '../common/references.js';
import type { RequestContext } from '../common/request-context.js';
import { CONFIG, type Config } from '../config/config.js';
import type { Manifest } from '../contracts/contracts.generated.js';
import { Database } from '../database/database.js';
import { EventService } from '../webhooks/event.service.js';
import { QuotaService } from '../limits/quota.service.js';
import { ArtefactStore } from './artefact-store.js';
import { readBaseModel } from './base-model.js';
import { licenceOf } from './licences.js';
import { LineageService } from './lineage.service.js';
import { checkArtefactFiles, verifyManifest } from './manifest.js';
import type { ArtefactEntity, ModelEntity, ModelKind, ModelVersionEntity } from './model.entity.js';
import { type ModelListArgs, ModelRepository, type ModelVersionListArgs } from './model.repository.js';

export interface NewModelVersion {
  name: string;
  kind: ModelKind;
  /** Absolute; its files are linked into the store. */
  directory: string;
  manifest: Manifest;
  /** The whole-weights version an adapter loads on, or that a reward model's backbone came from. */
  baseVersionId: string | null;
  licence: string;
  jobId: string | null;
  promptVersionId: string | null;
}

export interface NewBaseModel {
  name: string;
  source: string;
  licence: string;
  description?: string | null | undefined;
}

/** Absolute paths of what a version is loaded from. */
export interface ModelFiles {
  basePath: string;
  adapterPath: string | null;
  rewardPath: string | null;
}

@Injectable()
export class ModelService {
  /** By id; undefined for one that is not there. */
  readonly load = batched(async (ctx, ids: readonly string[]) => byId(await this.models.findByIds(ctx, ids)));
  readonly loadVersion = batched(async (ctx, ids: readonly string[]) => byId(await this.models.findVersionsByIds(ctx, ids)));
  /** Versions of a model. */
  readonly listVersions = batchedLists((ctx, modelIds, args: ModelVersionListArgs) => this.models.listVersions(ctx, modelIds, args));
  private readonly loadArtefact = batched(async (ctx, ids: readonly string[]) => byId(await this.models.findArtefacts(ctx, ids)));
  private readonly loadAliases = batched(async (ctx, modelIds: readonly string[]) =>
    byParent(modelIds, await this.models.aliasesOf(ctx, modelIds), (alias) => alias.modelId));

  constructor(
    private readonly database: Database,
    private readonly models: ModelRepository,
    private readonly artefacts: ArtefactStore,
    private readonly lineage: LineageService,
    private readonly events: EventService,
    private readonly quotas: QuotaService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Registers a directory of TRIAD_HOME/models as a base model. The same files under the same name and licence are the
   * same version.
   * @throws DomainError bad_input, bad_data (what is in the directory), licence_refused, quota_exceeded.
   */
  async registerBaseModel(ctx: RequestContext, input: NewBaseModel): Promise<ModelVersionEntity> {
    checkName(input.name);
    const licence = licenceOf(input.licence).id;
    const { directory, manifest } = await readBaseModel(join(this.config.TRIAD_HOME, 'models'), input.source);
    const version = { name: input.name, kind: 'base', directory, manifest, baseVersionId: null, licence, jobId: null, promptVersionId: null } as const;
    if (!(await this.models.hasArtefact(ctx, manifest.sha256))) await this.quotas.assertStorage(ctx, manifest.bytes);
    return this.store(ctx, version, input.description ?? null);
  }

  /**
   * Registers what a job made. Idempotent per job: the second call answers the version of the first.
   * @throws DomainError bad_data when a file departs from the manifest or may hold code; licence_refused; not_found.
   */
  async registerVersion(ctx: RequestContext, input: NewModelVersion): Promise<ModelVersionEntity> {
    checkName(input.name);
    const licence = licenceOf(input.licence).id;
    const registered = input.jobId === null ? null : await this.models.findVersion(ctx, { jobId: input.jobId });
    if (registered) return registered;
    const base = input.baseVersionId === null ? null : await this.findVersionById(ctx, input.baseVersionId);
    if (input.kind === 'adapter' && base?.kind !== 'base') {
      throw new DomainError('bad_input', 'An adapter needs the version of kind base that it loads on.', 'baseVersionId');
    }
    await verifyManifest(input.directory, input.manifest);
    await checkArtefactFiles(input.directory, input.manifest);
    return this.store(ctx, { ...input, licence }, null);
  }

  private async store(ctx: RequestContext, input: NewModelVersion, description: string | null): Promise<ModelVersionEntity> {
    const path = await this.artefacts.put(input.directory, input.manifest);
    return this.database.transaction(ctx, async (tx) => {
      const model = await this.models.lock(tx, { name: input.name, description });
      if (description !== null) await this.models.describeModel(tx, model.id, description);
      // What a job has trained is kept whatever it weighs; it counts from then on.
      if (input.kind === 'base' && !(await this.models.hasArtefact(tx, input.manifest.sha256))) await this.quotas.holdStorage(tx, input.manifest.bytes);
      const artefact = await this.models.artefact(tx, input.manifest, path);
      const { kind, baseVersionId, licence, jobId, promptVersionId } = input;
      const same = await this.models.findVersion(tx, jobId === null ? { modelId: model.id, artefactId: artefact.id, licence, kind } : { jobId });
      if (same) return same;
      const version = await this.models.addVersion(tx, model, { kind, artefactId: artefact.id, baseVersionId, licence, jobId, promptVersionId, createdBy: ctx.principal });
      if (baseVersionId !== null) {
        await this.lineage.link(tx, [{ from: { type: 'model_version', id: baseVersionId }, to: { type: 'model_version', id: version.id }, relation: 'weights_derived' }]);
      }
      return version;
    });
  }

  /** `models:/name/2`, `models:/name@champion` or `models:/name` (newest). @throws DomainError bad_reference, not_found. */
  async resolve(ctx: RequestContext, reference: string): Promise<ModelVersionEntity> {
    const { name, version, alias } = parseReference(reference, 'models');
    const model = await this.find(ctx, name);
    const number = version ?? (alias === null || alias === 'latest' ? model.latestVersion : (await this.models.findAlias(ctx, model.id, alias))?.version);
    if (number == null) throw notFound('alias', `${name}@${alias}`, 'Set it with setModelAlias.');
    const found = await this.models.findVersion(ctx, { modelId: model.id, version: number });
    if (!found) throw notFound('model version', `${name}/${number}`, `The newest is ${model.latestVersion}.`);
    return found;
  }

  /** @throws DomainError not_found. */
  async find(ctx: RequestContext, name: string): Promise<ModelEntity> {
    const model = await this.models.findByName(ctx, name);
    if (!model) throw notFound('model', name, 'The query `models` lists those there are.');
    return model;
  }

  /** @throws DomainError not_found. */
  async findVersionById(ctx: RequestContext, id: string): Promise<ModelVersionEntity> {
    const version = await this.loadVersion(ctx, id);
    if (!version) throw notFound('model version', id);
    return version;
  }

  /**
   * Moves an alias and tells of it (`model.alias.moved`), unless it is there already.
   * @param expectedVersion the version that it names now, as the caller saw it; 0: none
   * @throws DomainError bad_input, not_found; conflict when another moved it meanwhile.
   */
  async setAlias(ctx: RequestContext, name: string, alias: string, version: number, expectedVersion: number | null = null): Promise<ModelVersionEntity> {
    checkLabel(alias, 'alias');
    if (alias === 'latest') throw new DomainError('bad_input', "The alias 'latest' moves by itself and cannot be set.", 'alias');
    return this.database.transaction(ctx, async (tx) => {
      const found = await this.resolve(tx, `models:/${name}/${version}`);
      await this.models.lock(tx, { name, description: null });
      const before = await this.models.findAlias(tx, found.modelId, alias);
      if (expectedVersion !== null && (before?.version ?? 0) !== expectedVersion) {
        throw new DomainError('conflict', `The alias ${alias} names version ${before?.version ?? 0} of ${name} now, not ${expectedVersion}: another moved it. Look at it again, then move it.`, 'expectedVersion');
      }
      if (before?.version === version) return found;
      await this.models.setAlias(tx, { modelId: found.modelId, alias, version, movedBy: ctx.principal });
      await this.events.emit(tx, 'model.alias.moved', { model: name, alias, version, previousVersion: before?.version ?? null, modelVersionId: found.id });
      return found;
    });
  }

  /** Where a version is loaded from. The base of an adapter is the version it was trained on, whole. */
  async filesOf(ctx: RequestContext, version: ModelVersionEntity): Promise<ModelFiles> {
    const path = await this.pathOf(ctx, version);
    const basePath = version.baseVersionId === null ? path : await this.pathOf(ctx, await this.findVersionById(ctx, version.baseVersionId));
    return { basePath, adapterPath: version.kind === 'adapter' ? path : null, rewardPath: version.kind === 'reward' ? path : null };
  }

  private async pathOf(ctx: RequestContext, version: ModelVersionEntity): Promise<string> {
    return this.artefacts.absolute((await this.artefactOf(ctx, version)).path);
  }

  async artefactOf(ctx: RequestContext, version: Pick<ModelVersionEntity, 'artefactId'>): Promise<ArtefactEntity> {
    return (await this.loadArtefact(ctx, version.artefactId))!;
  }

  /** Aliases of a version, `latest` included. */
  async aliasesOf(ctx: RequestContext, { modelId, version }: Pick<ModelVersionEntity, 'modelId' | 'version'>): Promise<string[]> {
    const [aliases, model] = await Promise.all([this.loadAliases(ctx, modelId), this.load(ctx, modelId)]);
    const own = aliases!.filter((alias) => alias.version === version).map((alias) => alias.alias);
    return model?.latestVersion === version ? [...own, 'latest'] : own;
  }

  list(ctx: RequestContext, args: ModelListArgs): Promise<Page<ModelEntity>> {
    return this.models.list(ctx, args);
  }
}
