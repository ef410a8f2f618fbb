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
import { type DeploymentEntity, type ModelPrice, placeOfKey, type ProviderEntity } from './deployment.entity.js';
import { type DeploymentListArgs, DeploymentRepository, type ProviderListArgs } from './deployment.repository.js';

@Injectable()
export class DeploymentService {
  /** By id; undefined for one that is not there. */
  readonly load = batched(async (ctx, ids: readonly string[]) => byId(await this.deployments.findByIds(ctx, ids)));
  readonly loadProvider = batched(async (ctx, ids: readonly string[]) => byId(await this.deployments.findProvidersByIds(ctx, ids)));

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly database: Database,
    private readonly deployments: DeploymentRepository,
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

  /** The gateway remembers what model names stand for; it is told in the transaction that changes a provider. */
  private changed(tx: RequestContext): Promise<void> {
    return announce(this.database, this.notifications, tx, `deployments:${tx.projectId}`);
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
