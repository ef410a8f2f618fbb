import { Args, Query, Resolver } from '@nestjs/graphql';
import { Ctx } from '../auth/carrier.js';
import { RequiresRole } from '../auth/requires-role.js';
import type { RequestContext } from '../common/request-context.js';
import { AuditEntry, AuditEntryConnection, AuditEntriesArgs } from './audit.types.js';
import { CommandService } from './command.service.js';

@Resolver(() => AuditEntry)
export class AuditResolver {
  constructor(private readonly commands: CommandService) {}

  @RequiresRole('admin')
  @Query(() => AuditEntryConnection, { description: 'The audit trail, by default newest first. Errors: forbidden.' })
  auditEntries(@Ctx() ctx: RequestContext, @Args() args: AuditEntriesArgs) {
    return this.commands.audit(ctx, args);
  }
}
