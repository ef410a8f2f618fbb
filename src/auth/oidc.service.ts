import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { DomainError } from '../common/errors.js';
import { type CallerRole, RequestContext } from '../common/request-context.js';
import { CONFIG, type Config } from '../config/config.js';
import { OidcIssuers } from './oidc-issuers.js';
import { rolesOf } from './oidc-roles.js';
import { ProjectRepository } from './project.repository.js';

/** How long a renamed project is still known by its old name. */
const PROJECT_KEPT_MS = 500;

/** People who come with a bearer token of an OIDC issuer instead of an API key. */
@Injectable()
export class OidcService {
  private readonly projectIds = new LRUCache<string, string>({
    max: 1_000, ttl: PROJECT_KEPT_MS, ignoreFetchAbort: true, fetchMethod: async (reference) => (await this.projects.findByReference(reference))?.id,
  });

  constructor(
    private readonly issuers: OidcIssuers,
    private readonly projects: ProjectRepository,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * @param wanted the project to act in, by name or id; may be left out by those who have a role in one project only
   * @throws DomainError unauthenticated for a token that does not hold; forbidden when it gives no role in that project;
   *   unavailable when its issuer cannot be asked.
   */
  async authenticate(token: string, requestId: string, wanted?: string): Promise<RequestContext> {
    const claims = await this.issuers.verify(token);
    const roles = rolesOf(claims[this.config.TRIAD_OIDC_ROLE_CLAIM], this.config.TRIAD_OIDC_PROJECT);
    const [project, role] = this.choose(roles, wanted);
    const projectId = await this.projectIds.fetch(project);
    if (projectId === undefined) throw this.noRole();
    const user = claims['email_verified'] === true && typeof claims['email'] === 'string' ? claims['email'] : `${claims.iss}#${claims.sub}`;
    return RequestContext.forUser(projectId, user, role, requestId);
  }

  private choose(roles: Map<string, CallerRole>, wanted: string | undefined): [string, CallerRole] {
    if (wanted !== undefined) {
      const role = roles.get(wanted);
      if (role === undefined) throw this.noRole();
      return [wanted, role];
    }
    const [only, another] = roles;
    if (only === undefined) throw this.noRole();
    if (another) throw new DomainError('forbidden', `The token gives roles in several projects (${[...roles.keys()].join(', ')}); choose one with the header x-triad-project.`);
    return only;
  }

  private noRole(): DomainError {
    return new DomainError('forbidden', `The token is valid, but its claim ${this.config.TRIAD_OIDC_ROLE_CLAIM} gives no role in this project. It must list \`project:role\`, such as \`${this.config.TRIAD_OIDC_PROJECT}:viewer\`.`);
  }
}
