import { type ExecutionContext, SetMetadata } from '@nestjs/common';
import { GqlExecutionContext, type GqlContextType } from '@nestjs/graphql';
import type { Reflector } from '@nestjs/core';
import { type GraphQLResolveInfo, OperationTypeNode } from 'graphql';
import { DomainError } from '../common/errors.js';
import { type CallerRole, includesRole, type RequestContext } from '../common/request-context.js';

/** A role in the caller's project, or a platform key. */
export type Requirement = CallerRole | 'platform';

const REQUIREMENT = Symbol('REQUIREMENT');

/** The least role that may call a resolver or route. Without it: viewer to read (query, subscription, GET), editor for the rest. */
export const RequiresRole = (role: CallerRole) => SetMetadata<symbol, Requirement>(REQUIREMENT, role);

/** For what reaches beyond one project: only platform keys, such as the bootstrap key, may call it. */
export const RequiresPlatform = () => SetMetadata<symbol, Requirement>(REQUIREMENT, 'platform');

/** What a resolver or route requires of its caller. */
export function requirementOf(reflector: Reflector, context: ExecutionContext): Requirement {
  const said = reflector.getAllAndOverride<Requirement | undefined>(REQUIREMENT, [context.getHandler(), context.getClass()]);
  return said ?? (reads(context) ? 'viewer' : 'editor');
}

function reads(context: ExecutionContext): boolean {
  if (context.getType<GqlContextType>() === 'graphql') {
    return GqlExecutionContext.create(context).getInfo<GraphQLResolveInfo>().operation.operation !== OperationTypeNode.MUTATION;
  }
  return ['GET', 'HEAD'].includes(context.switchToHttp().getRequest<{ method: string }>().method);
}

/** @throws DomainError forbidden, which says what is required and what the caller has. */
export function assertMay(ctx: RequestContext, required: Requirement): void {
  if (required === 'platform') {
    if (ctx.platform) return;
    throw new DomainError('forbidden', `This needs a platform key, such as the bootstrap key; the caller has the role ${ctx.role} in its project only.`);
  }
  if (includesRole(ctx.role, required)) return;
  throw new DomainError('forbidden', `This needs the role ${required}; the caller has the role ${ctx.role}. Ask an admin of the project for a key of that role.`);
}
