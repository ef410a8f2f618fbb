import { Inject, Injectable } from '@nestjs/common';
import { batched, byId } from '../common/batched.js';
import { DomainError, notFound } from '../common/errors.js';
import { newId } from '../common/ids.js';
import { assertPublicUrl } from '../common/outbound.js';
import type { Page } from '../common/pagination.js';
import { checkName } from '../common/references.js';
import type { RequestContext } from '../common/request-context.js';
import { encryptSecret } from '../common/secrets.js';
import { CONFIG, type Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { Notifications } from '../database/notifications.js';
import { announce } from '../database/remembered.js';
import { LineageService } from '../models/lineage.service.js';
import { type DeploymentEntity, type ModelPrice, placeOfKey, type ProviderEntity } from './deployment.entity.js';
import { type DeploymentListArgs, DeploymentRepository, type ProviderListArgs } from './deployment.repository.js';
import { type Target, TargetService } from './target.service.js';

@Injectable()
export class DeploymentService {
  /** By id; undefined for one that is not there. */
  readonly load = batched(async (ctx, ids: readonly string[]) => byId(await this.deployments.findByIds(ctx, ids)));
  readonly loadProvider = batched(async (ctx, ids: readonly string[]) => byId(await this.deployments.findProvidersByIds(ctx, ids)));

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly database: Database,
    private readonly deployments: DeploymentRepository,
    private readonly targets: TargetService,
    private readonly lineage: LineageService,
    private readonly notifications: Notifications,
  ) {}

  /**
   * Adds an OpenAI-compatible endpoint; its key is stored encrypted and never shown.
   * @param input.baseUrl the part before `/chat/completions`, such as `https://host/v1`
   * @throws DomainError bad_input for a name with a slash, a URL that may not be called or a key that is none; conflict when the name is taken.
   */
  async createProvider(ctx: RequestContext, input: { name: string; baseUrl: string; apiKey?: string | null; prices?: ModelPrice[] }): Promise<ProviderEntity> {
    checkName(input.name);
    if (input.name.includes('/')) throw new DomainError('bad_input', 'A provider\'s name holds no slash: models are called PROVIDER/MODEL.', 'name');
    const { search, hash } = assertPublicUrl(input.baseUrl, this.config.TRIAD_ALLOW_PRIVATE_URLS);
    if (search || hash) throw new DomainError('bad_input', 'A base URL has neither ? nor #: paths are put after it. Give the part before /chat/completions.', 'baseUrl');
    // It becomes a header; a line break that was copied along would make every call fail.
    if (input.apiKey && !/^[\x21-\x7e]+$/.test(input.apiKey)) throw new DomainError('bad_input', 'The key holds spaces, line breaks or other characters that no key has. Copy it anew, without what stands around it.', 'apiKey');
    const id = newId('prov');
    const provider = await this.deployments.addProvider(ctx, {
      id, name: input.name, baseUrl: input.baseUrl.replace(/\/+$/, ''), prices: input.prices ?? [],
      encryptedKey: input.apiKey ? encryptSecret(this.config, placeOfKey({ projectId: ctx.projectId, id }), input.apiKey) : null,
    });
    if (!provider) nameTaken('provider', input.name);
    await this.changed(ctx);
    return provider;
  }

  /** The gateway remembers what model names stand for; it is told in the transaction that changes a provider or deployment. */
  private changed(tx: RequestContext): Promise<void> {
    return announce(this.database, this.notifications, tx, `deployments:${tx.projectId}`);
  }

  /**
   * Gives apps a name to call. The same deployment asked for again is that one.
   * @param input.target `models:/name@alias`, `models:/name/3` or `<provider>/<model>`
   * @throws DomainError model_not_found when the target is not there, conflict when the name is taken.
   */
  createDeployment(ctx: RequestContext, input: { name: string; target: string }): Promise<DeploymentEntity> {
    checkName(input.name);
    return this.database.transaction(ctx, async (tx) => {
      const target = await this.checkTarget(tx, input.target);
      const deployment = await this.deployments.add(tx, { id: newId('dep'), name: input.name, target: input.target });
      if (!deployment) return this.same(tx, input);
      await this.changed(tx);
      await this.linkLineage(tx, target, deployment.id);
      return deployment;
    });
  }

  /**
   * Points a deployment at another model.
   * @param from what it points at, as the caller saw it
   * @throws DomainError not_found, model_not_found, bad_input for a reward model; conflict when another changed it meanwhile.
   */
  setTarget(ctx: RequestContext, name: string, from: string, to: string): Promise<DeploymentEntity> {
    return this.database.transaction(ctx, async (tx) => {
      const target = await this.checkTarget(tx, to);
      const moved = await this.deployments.retarget(tx, name, from, to);
      const now = await this.findByName(tx, name);
      if (!moved) throw new DomainError('conflict', `Deployment ${JSON.stringify(name)} points at ${now.target} now, not at ${from}: another changed it. Look at it again, then change it.`, 'name');
      await this.changed(tx);
      await this.linkLineage(tx, target, now.id);
      return now;
    });
  }

  /** @throws DomainError not_found. */
  async findByName(ctx: RequestContext, name: string): Promise<DeploymentEntity> {
    const deployment = await this.deployments.findByName(ctx, name);
    if (!deployment) throw notFound('deployment', name);
    return deployment;
  }

  /** @throws DomainError model_not_found, or bad_input for what no deployment may point at. */
  async checkTarget(ctx: RequestContext, name: string, param = 'target'): Promise<Target> {
    const target = await this.targets.direct(ctx, name);
    if (target.kind === 'registry' && target.version.kind === 'reward') throw new DomainError('bad_input', `${name} is a reward model and does not chat.`, param);
    return target;
  }

  private async linkLineage(tx: RequestContext, target: Target, deploymentId: string): Promise<void> {
    if (target.kind !== 'registry') return;
    await this.lineage.link(tx, [{ from: { type: 'model_version', id: target.version.id }, to: { type: 'deployment', id: deploymentId }, relation: 'deployed_as' }]);
  }

  private async same(ctx: RequestContext, input: { name: string; target: string }): Promise<DeploymentEntity> {
    const existing = await this.deployments.findByName(ctx, input.name);
    return existing?.target === input.target ? existing : nameTaken('deployment', input.name);
  }

  list(ctx: RequestContext, args: DeploymentListArgs): Promise<Page<DeploymentEntity>> {
    return this.deployments.list(ctx, args);
  }

  listProviders(ctx: RequestContext, args: ProviderListArgs): Promise<Page<ProviderEntity>> {
    return this.deployments.listProviders(ctx, args);
  }
}

function nameTaken(what: string, name: string): never {
  throw new DomainError('conflict', `There is a ${what} ${JSON.stringify(name)} already; choose another name.`, 'name');
}
