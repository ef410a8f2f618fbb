import { randomUUID } from 'node:crypto';
import type { EntityManager } from 'typeorm';

export type Role = 'admin' | 'system';

/** Who acts in which project; the first argument of every service method. Immutable. */
export class RequestContext {
  private constructor(
    readonly projectId: string,
    /** `key:<api key id>` for a caller, `job:<name>` for a worker. */
    readonly principal: string,
    readonly role: Role,
    readonly requestId: string,
    /** The caller's transaction, if one is open. */
    readonly tx: EntityManager | null,
  ) {}

  static forKey(projectId: string, keyId: string, requestId: string): RequestContext {
    return new RequestContext(projectId, `key:${keyId}`, 'admin', requestId, null);
  }

  static forJob(projectId: string, jobName: string): RequestContext {
    return new RequestContext(projectId, `job:${jobName}`, 'system', `job-${randomUUID()}`, null);
  }

  inTransaction(tx: EntityManager): RequestContext {
    return new RequestContext(this.projectId, this.principal, this.role, this.requestId, tx);
  }
}
