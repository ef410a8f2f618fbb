import { Injectable } from '@nestjs/common';
import type { Page, PageArgs } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import type { ModelEntity, ModelVersionEntity } from '../models/model.entity.js';
import { ModelService } from '../models/model.service.js';
import type { ProviderEntity } from '../deployments/deployment.entity.js';
import { DeploymentService } from '../deployments/deployment.service.js';
import { ProviderService } from '../deployments/provider.service.js';
import { TargetService } from '../deployments/target.service.js';

/** OpenAI's model object. */
export interface OpenAiModel {
  id: string;
  object: 'model';
  created: number;
  owned_by: string;
}

const entry = (id: string, createdAt: Date, ownedBy = 'triad'): OpenAiModel =>
  ({ id, object: 'model', created: Math.floor(createdAt.getTime() / 1000), owned_by: ownedBy });

/** What may stand in `model` of a chat request, as OpenAI's list. */
@Injectable()
export class ModelListService {
  constructor(
    private readonly models: ModelService,
    private readonly deployments: DeploymentService,
    private readonly providers: ProviderService,
    private readonly targets: TargetService,
  ) {}

  /**
   * Deployments, each registered version that can chat under its number and its aliases, and of providers the models that
   * have a price of their own: others can be called as well, and no provider is asked for its list.
   */
  async list(ctx: RequestContext): Promise<{ object: 'list'; data: OpenAiModel[] }> {
    const deployments = await all((page) => this.deployments.list(ctx, page));
    const models = await all((page) => this.models.list(ctx, page));
    const versions = await Promise.all(models.map((model) => this.versionsOf(ctx, model)));
    const priced = (await this.providers.all(ctx)).flatMap(modelsOf);
    return { object: 'list', data: [...deployments.map((each) => entry(each.name, each.createdAt)), ...versions.flat(), ...priced] };
  }

  /** @throws DomainError model_not_found. */
  async retrieve(ctx: RequestContext, id: string): Promise<OpenAiModel> {
    const deployment = await this.targets.deployment(ctx, id);
    if (deployment) return entry(id, deployment.createdAt);
    const target = await this.targets.direct(ctx, id);
    return target.kind === 'registry' ? entry(id, target.version.createdAt) : entry(id, target.provider.createdAt, target.provider.name);
  }

  private async versionsOf(ctx: RequestContext, model: ModelEntity): Promise<OpenAiModel[]> {
    const versions = (await all((page) => this.models.listVersions(ctx, model.id, page))).filter((version) => version.kind !== 'reward');
    return (await Promise.all(versions.map((version) => this.namesOf(ctx, version)))).flat();
  }

  private async namesOf(ctx: RequestContext, version: ModelVersionEntity): Promise<OpenAiModel[]> {
    const aliases = await this.models.aliasesOf(ctx, version);
    return [`models:/${version.name}/${version.version}`, ...aliases.map((alias) => `models:/${version.name}@${alias}`)]
      .map((id) => entry(id, version.createdAt));
  }
}

const modelsOf = ({ name, createdAt, prices }: ProviderEntity): OpenAiModel[] =>
  prices.filter(({ model }) => !model.endsWith('*')).map(({ model }) => entry(`${name}/${model}`, createdAt, name));

/** Every node of a connection. */
async function all<T>(read: (page: PageArgs) => Promise<Page<T>>): Promise<T[]> {
  const nodes: T[] = [];
  for (let after: string | null = null; ;) {
    const page: Page<T> = await read({ first: 500, after });
    nodes.push(...page.nodes);
    if (!page.pageInfo.hasNextPage) return nodes;
    after = page.pageInfo.endCursor;
  }
}
