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
import { type ModelPrice, placeOfKey, type ProviderEntity, type ProviderKind } from './deployment.entity.js';
import { DeploymentRepository, type ProviderListArgs } from './deployment.repository.js';
import { checkedHeaders } from './provider-headers.js';
import { ProviderProbe, type ProbeReport } from './provider-probe.js';

export interface NewProvider {
  name: string;
  kind?: ProviderKind;
  /** The part before `/chat/completions`, `/messages` or `/sdapi`, such as `https://host/v1`. */
  baseUrl: string;
  apiKey?: string | null;
  headers?: { name: string; value: string }[];
  prices?: ModelPrice[];
}

/** What may be changed of a provider; what is left out stays. */
export interface ProviderChange {
  baseUrl?: string | null;
  apiKey?: string | null;
  headers?: { name: string; value: string }[] | null;
  prices?: ModelPrice[] | null;
}

/** Endpoints outside that answer for models. */
@Injectable()
export class ProviderService {
  /** By id; undefined for one that is not there. */
  readonly load = batched(async (ctx, ids: readonly string[]) => byId(await this.deployments.findProvidersByIds(ctx, ids)));

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly database: Database,
    private readonly notifications: Notifications,
    private readonly deployments: DeploymentRepository,
    private readonly prober: ProviderProbe,
  ) {}

  /**
   * Adds a provider; its key is stored encrypted and never shown.
   * @throws DomainError bad_input for a name with a slash, a URL that may not be called, a key that is none, a header that
   *   looks like a secret or a model that is priced twice; conflict when the name is taken.
   */
  create(ctx: RequestContext, input: NewProvider): Promise<ProviderEntity> {
    checkName(input.name);
    if (input.name.includes('/')) throw new DomainError('bad_input', 'A provider\'s name holds no slash: models are called PROVIDER/MODEL.', 'name');
    const id = newId('prov');
    const row = {
      id, name: input.name, kind: input.kind ?? 'openai', baseUrl: this.checkedUrl(input.baseUrl), headers: checkedHeaders(input.headers ?? []), prices: checkedPrices(input.prices ?? []),
      encryptedKey: this.sealed({ projectId: ctx.projectId, id }, input.apiKey),
    };
    return this.database.transaction(ctx, async (tx) => {
      const provider = await this.deployments.addProvider(tx, row);
      if (!provider) throw new DomainError('conflict', `There is a provider ${JSON.stringify(input.name)} already; choose another name.`, 'name');
      await this.changed(tx);
      return provider;
    });
  }

  /**
   * A provider at another place gets its key anew: the one that is stored was given for the place that it had.
   * @throws DomainError not_found; bad_input as `create`, and when the base URL is of another origin and no key is given.
   */
  update(ctx: RequestContext, id: string, change: ProviderChange): Promise<ProviderEntity> {
    return this.database.transaction(ctx, async (tx) => {
      const provider = await this.locked(tx, id);
      const baseUrl = change.baseUrl == null ? provider.baseUrl : this.checkedUrl(change.baseUrl);
      if (provider.encryptedKey !== null && !change.apiKey && new URL(baseUrl).origin !== new URL(provider.baseUrl).origin) {
        throw new DomainError('bad_input', `The stored key was given for ${new URL(provider.baseUrl).origin}. To call ${new URL(baseUrl).origin}, give the key for it as apiKey.`, 'apiKey');
      }
      const updated = await this.deployments.updateProvider(tx, id, {
        baseUrl,
        ...(change.apiKey && { encryptedKey: this.sealed(provider, change.apiKey) }),
        ...(change.headers && { headers: checkedHeaders(change.headers) }),
        ...(change.prices && { prices: checkedPrices(change.prices) }),
      });
      await this.changed(tx);
      return updated;
    });
  }

  /** Every call from now on is made with this key. @throws DomainError not_found; bad_input for a key that is none. */
  rotateKey(ctx: RequestContext, id: string, apiKey: string): Promise<ProviderEntity> {
    if (apiKey === '') throw new DomainError('bad_input', 'The key is empty.', 'apiKey');
    return this.database.transaction(ctx, async (tx) => {
      const provider = await this.locked(tx, id);
      const updated = await this.deployments.updateProvider(tx, id, { encryptedKey: this.sealed(provider, apiKey) });
      await this.changed(tx);
      return updated;
    });
  }

  /** @throws DomainError not_found; conflict while a deployment names one of its models. */
  delete(ctx: RequestContext, id: string): Promise<void> {
    return this.database.transaction(ctx, async (tx) => {
      const provider = await this.locked(tx, id);
      const [first, ...others] = await this.deployments.namesOfDeploymentsOf(tx, provider.name);
      if (first !== undefined) {
        throw new DomainError('conflict', `The deployment ${JSON.stringify(first)}${others.length > 0 ? ` and ${others.length} more` : ''} would have nobody to ask: it names a model of ${JSON.stringify(provider.name)}. Point it elsewhere first.`);
      }
      await this.deployments.deleteProvider(tx, id);
      await this.changed(tx);
    });
  }

  /** Makes one tiny call of it. @throws DomainError not_found. */
  async probe(ctx: RequestContext, id: string): Promise<ProbeReport> {
    const [provider] = await this.deployments.findProvidersByIds(ctx, [id]);
    if (!provider) throw notFound('provider', id);
    return this.prober.probe(provider);
  }

  list(ctx: RequestContext, args: ProviderListArgs): Promise<Page<ProviderEntity>> {
    return this.deployments.listProviders(ctx, args);
  }

  /** All of a project, by name. */
  all(ctx: RequestContext): Promise<ProviderEntity[]> {
    return this.deployments.allProviders(ctx);
  }

  private async locked(tx: RequestContext, id: string): Promise<ProviderEntity> {
    const provider = await this.deployments.lockProvider(tx, id);
    if (!provider) throw notFound('provider', id);
    return provider;
  }

  /** The gateway remembers what model names stand for. */
  private changed(tx: RequestContext): Promise<void> {
    return announce(this.database, this.notifications, tx, `deployments:${tx.projectId}`);
  }

  private checkedUrl(url: string): string {
    const { search, hash } = assertPublicUrl(url, this.config.TRIAD_ALLOW_PRIVATE_URLS);
    if (search || hash) throw new DomainError('bad_input', 'A base URL has neither ? nor #: paths are put after it. Give the part before /chat/completions.', 'baseUrl');
    return url.replace(/\/+$/, '');
  }

  private sealed(provider: Pick<ProviderEntity, 'projectId' | 'id'>, apiKey: string | null | undefined): string | null {
    if (!apiKey) return null;
    // It becomes a header; a line break that was copied along would make every call fail.
    if (!/^[\x21-\x7e]+$/.test(apiKey)) throw new DomainError('bad_input', 'The key holds spaces, line breaks or other characters that no key has. Copy it anew, without what stands around it.', 'apiKey');
    return encryptSecret(this.config, placeOfKey(provider), apiKey);
  }
}

function checkedPrices(prices: ModelPrice[]): ModelPrice[] {
  const models = new Set<string>();
  for (const { model } of prices) {
    if (model.slice(0, -1).includes('*')) throw new DomainError('bad_input', `${JSON.stringify(model)} has a * before its end. Prices are of a model, of all that begin alike (gpt-4*), or of all others (*).`, 'prices');
    if (models.has(model)) throw new DomainError('bad_input', `${JSON.stringify(model)} has two prices; give one.`, 'prices');
    models.add(model);
  }
  return prices;
}
