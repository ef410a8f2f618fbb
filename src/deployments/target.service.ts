import { Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import type { RequestContext } from '../common/request-context.js';
import type { ModelVersionEntity } from '../models/model.entity.js';
import { ModelService } from '../models/model.service.js';
import type { DeploymentEntity, ProviderEntity } from './deployment.entity.js';
import { DeploymentRepository } from './deployment.repository.js';

/** What answers to a model name. */
export type Target =
  | { kind: 'registry'; version: ModelVersionEntity }
  | { kind: 'provider'; provider: ProviderEntity; model: string };

@Injectable()
export class TargetService {
  constructor(
    private readonly deployments: DeploymentRepository,
    private readonly models: ModelService,
  ) {}

  /**
   * @param name `models:/name@alias`, `models:/name/3`, a deployment's name, or `<provider>/<model>`
   * @throws DomainError model_not_found naming the forms that are possible.
   */
  async resolve(ctx: RequestContext, name: string): Promise<Target> {
    const deployment = await this.deployment(ctx, name);
    return this.direct(ctx, deployment?.target ?? name);
  }

  /** The deployment of that name; null when it is none. */
  async deployment(ctx: RequestContext, name: string): Promise<DeploymentEntity | null> {
    return name.startsWith('models:/') ? null : this.deployments.findByName(ctx, name);
  }

  /** As `resolve`, without deployments: what a deployment may point at. */
  async direct(ctx: RequestContext, name: string): Promise<Target> {
    if (name.startsWith('models:/')) return { kind: 'registry', version: await this.version(ctx, name) };
    const slash = name.indexOf('/');
    const provider = slash > 0 ? await this.deployments.findProvider(ctx, name.slice(0, slash)) : null;
    if (!provider) {
      throw new DomainError('model_not_found',
        `The model ${JSON.stringify(name.slice(0, 200))} does not exist in this project. Use models:/NAME@ALIAS, models:/NAME/3, the name of a deployment, or PROVIDER/MODEL; GET /v1/models lists what is there.`, 'model');
    }
    return { kind: 'provider', provider, model: name.slice(slash + 1) };
  }

  private version(ctx: RequestContext, reference: string): Promise<ModelVersionEntity> {
    return this.models.resolve(ctx, reference).catch((error: unknown) => {
      throw error instanceof DomainError && error.code === 'not_found' ? new DomainError('model_not_found', error.message, 'model') : error;
    });
  }
}
