import { type CallerRole, includesRole, ROLES } from '../common/request-context.js';

const isRole = (name: string): name is CallerRole => (ROLES as readonly string[]).includes(name);

/**
 * The roles that a claim gives, by project (name or id); of several in one project the highest counts.
 * @param claim a list of `project:role`, or of `role` for `defaultProject`; or one such string. What is neither says
 *   nothing about Triad: issuers put groups of other systems into the same claim.
 */
export function rolesOf(claim: unknown, defaultProject: string): Map<string, CallerRole> {
  const roles = new Map<string, CallerRole>();
  for (const entry of Array.isArray(claim) ? (claim as unknown[]) : [claim]) {
    if (typeof entry !== 'string') continue;
    const at = entry.lastIndexOf(':');
    const project = at < 0 ? defaultProject : entry.slice(0, at);
    const role = entry.slice(at + 1);
    if (project === '' || !isRole(role)) continue;
    const before = roles.get(project);
    if (before === undefined || includesRole(role, before)) roles.set(project, role);
  }
  return roles;
}
