import { randomUUID } from 'node:crypto';
import type { EntityManager } from 'typeorm';

/** What a caller may do in a project, from least to most; each role may do what those before it may. */
export const ROLES = ['viewer', 'annotator', 'editor', 'deployer', 'admin'] as const;

/** The role of a key or a user. */
export type CallerRole = (typeof ROLES)[number];

/** `system` is the role of the platform's own jobs: it may do everything, and no caller has it. */
export type Role = CallerRole | 'system';

/** Whether `role` includes `needed`. */
export const includesRole = (role: Role, needed: CallerRole): boolean => role === 'system' || ROLES.indexOf(role) >= ROLES.indexOf(needed);

/** Who acts in which project; the first argument of every service method. Immutable. */
export class RequestContext {
  private constructor(
    readonly projectId: string,
    /** `key:<api key id>` or `user:<who, as the OIDC issuer says>` for a caller, `job:<name>` for a worker. */
    readonly principal: string,
    readonly role: Role,
    readonly requestId: string,
    /** The caller's transaction, if one is open. */
    readonly tx: EntityManager | null,
    /** May manage projects: the holder of a platform key. */
    readonly platform: boolean,
  ) {}

  static forKey(projectId: string, keyId: string, role: CallerRole, requestId: string, platform = false): RequestContext {
    return new RequestContext(projectId, `key:${keyId}`, role, requestId, null, platform);
  }

  /** @param user whom an OIDC token speaks of: a verified e-mail address, or `<issuer>#<subject>` */
  static forUser(projectId: string, user: string, role: CallerRole, requestId: string): RequestContext {
    return new RequestContext(projectId, `user:${user}`, role, requestId, null, false);
  }

  static forJob(projectId: string, jobName: string): RequestContext {
    return new RequestContext(projectId, `job:${jobName}`, 'system', `job-${randomUUID()}`, null, false);
  }

  /** Id of the API key that acts; null for a user or a job. */
  get keyId(): string | null {
    return this.principal.startsWith('key:') ? this.principal.slice(4) : null;
  }

  inTransaction(tx: EntityManager): RequestContext {
    return new RequestContext(this.projectId, this.principal, this.role, this.requestId, tx, this.platform);
  }
}
