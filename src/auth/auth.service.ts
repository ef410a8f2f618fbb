import { Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import { RequestContext } from '../common/request-context.js';
import { ApiKeyLookup } from './api-key-lookup.js';
import { ApiKeyRepository } from './api-key.repository.js';
import { hashApiKey, prefixOf } from './api-key.js';
import { OidcService } from './oidc.service.js';
import { ProjectRepository } from './project.repository.js';

const JWT = /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/;

/** Who calls, by API key or OIDC token. */
@Injectable()
export class AuthService {
  constructor(
    private readonly lookup: ApiKeyLookup,
    private readonly keys: ApiKeyRepository,
    private readonly projects: ProjectRepository,
    private readonly oidc: OidcService,
  ) {}

  /** Makes an admin key valid for the project of that name, which is created if absent. Idempotent. @returns the project's id. */
  addKey(projectName: string, name: string, key: string, platform = false): Promise<string> {
    return this.projects.transaction(async (tx) => {
      const project = await this.projects.ensure(tx, projectName);
      await this.keys.addAsPlatform(tx, project.id, { name, hash: hashApiKey(key), prefix: prefixOf(key), role: 'admin', platform });
      return project.id;
    });
  }

  /** Who calls, when that needs no look-up: the hot path of `authenticate`. */
  recall(authorization: string | undefined, requestId: string): RequestContext | undefined {
    if (!authorization?.startsWith('Bearer triad_')) return undefined;
    const key = this.lookup.peek(hashApiKey(authorization.slice('Bearer '.length)));
    return key && RequestContext.forKey(key.projectId, key.id, key.role, requestId, key.platform);
  }

  /**
   * @param authorization `Bearer ` and an API key or an OIDC token
   * @param project of a user who has roles in several: name or id of the one to act in. A key is of one project already.
   * @throws DomainError unauthenticated; forbidden for a user without a role there; unavailable when an issuer is away.
   */
  async authenticate(authorization: string | undefined, requestId: string, project?: string): Promise<RequestContext> {
    const token = /^Bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1];
    if (!token) throw new DomainError('unauthenticated', 'An API key is needed: send the header `Authorization: Bearer triad_…`.');
    if (JWT.test(token)) return this.oidc.authenticate(token, requestId, project);
    const key = await this.lookup.find(hashApiKey(token));
    if (!key) throw new DomainError('unauthenticated', 'The API key is not valid here. Check that it is whole, not revoked or expired, and of this server.');
    return RequestContext.forKey(key.projectId, key.id, key.role, requestId, key.platform);
  }
}
