import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { IsNull } from 'typeorm';
import { newId } from '../common/ids.js';
import { DomainError } from '../common/errors.js';
import { RequestContext } from '../common/request-context.js';
import { CONFIG, type Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { hashApiKey } from './api-key.js';
import { ApiKeyEntity, ProjectEntity } from './auth.entity.js';

@Injectable()
export class AuthService implements OnApplicationBootstrap {
  constructor(
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (this.config.TRIAD_BOOTSTRAP_KEY) await this.addKey('default', 'bootstrap', this.config.TRIAD_BOOTSTRAP_KEY);
  }

  /** Makes a key valid for the project of that name, which is created if absent. Idempotent. */
  async addKey(projectName: string, name: string, key: string): Promise<string> {
    return this.database.platform.transaction(async (tx) => {
      await tx.createQueryBuilder().insert().into(ProjectEntity)
        .values({ id: newId('proj'), name: projectName }).orIgnore().execute();
      const project = await tx.findOneByOrFail(ProjectEntity, { name: projectName });
      await tx.createQueryBuilder().insert().into(ApiKeyEntity)
        .values({ id: newId('key'), projectId: project.id, name, hash: hashApiKey(key), revokedAt: null }).orIgnore().execute();
      return project.id;
    });
  }

  /** @throws DomainError unauthenticated unless `authorization` is `Bearer <a key that is valid>`. */
  async authenticate(authorization: string | undefined, requestId: string): Promise<RequestContext> {
    const key = /^Bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1];
    const found = key && await this.database.platform.findOneBy(ApiKeyEntity, { hash: hashApiKey(key), revokedAt: IsNull() });
    if (!found) {
      throw new DomainError('unauthenticated', key
        ? 'The API key is not valid here. Check that it is whole, not revoked, and of this server.'
        : 'An API key is needed: send the header `Authorization: Bearer triad_…`.');
    }
    return RequestContext.forKey(found.projectId, found.id, requestId);
  }
}
