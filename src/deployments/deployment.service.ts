import { Inject, Injectable } from '@nestjs/common';
import { batched, byId } from '../common/batched.js';
import { DomainError } from '../common/errors.js';
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
import { TargetService } from './target.service.js';

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
      const target = await this.targets.direct(tx, input.target);
      if (target.kind === 'registry' && target.version.kind === 'reward') {
        throw new DomainError('bad_input', `${input.target} is a reward model and does not chat.`, 'target');
      }
      const deployment = await this.deployments.add(tx, { id: newId('dep'), name: input.name, target: input.target });
      if (!deployment) return this.same(tx, input);
      await this.changed(tx);
      if (target.kind === 'registry') {
        await this.lineage.link(tx, [{ from: { type: 'model_version', id: target.version.id }, to: { type: 'deployment', id: deployment.id }, relation: 'deployed_as' }]);
      }
      return deployment;
    });
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
