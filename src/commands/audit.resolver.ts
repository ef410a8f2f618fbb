import { Args, Query, Resolver } from '@nestjs/graphql';
import { Ctx } from '../auth/carrier.js';
import type { RequestContext } from '../common/request-context.js';
import { AuditEntry, AuditEntryConnection, AuditEntriesArgs } from './audit.types.js';
import { CommandService } from './command.service.js';

@Resolver(() => AuditEntry)
export class AuditResolver {
  constructor(private readonly commands: CommandService) {}

  @Query(() => AuditEntryConnection, { description: 'The audit trail, newest first.' })
  auditEntries(@Ctx() ctx: RequestContext, @Args() { filter, ...page }: AuditEntriesArgs) {
    return this.commands.audit(ctx, filter ?? {}, page);
  }
}
