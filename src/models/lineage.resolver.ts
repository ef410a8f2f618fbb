import { Args, ID, Query, Resolver } from '@nestjs/graphql';
import { Ctx } from '../auth/carrier.js';
import type { RequestContext } from '../common/request-context.js';
import { LICENCES } from './licences.js';
import { LineageService } from './lineage.service.js';
import type { LineageNodeType } from './model.entity.js';
import { Licence, Lineage, LineageDirectionEnum, LineageNodeTypeEnum } from './model.types.js';

@Resolver()
export class LineageResolver {
  constructor(private readonly service: LineageService) {}

  @Query(() => Lineage, { description: 'Everything that a node came from, or that came of it; the node is the first. Errors: not_found.' })
  lineage(
    @Ctx() ctx: RequestContext,
    @Args('type', { type: () => LineageNodeTypeEnum }) type: LineageNodeType,
    @Args('id', { type: () => ID }) id: string,
    @Args('direction', { type: () => LineageDirectionEnum, defaultValue: 'up' }) direction: 'up' | 'down',
  ) {
    return this.service.trace(ctx, { type, id }, direction);
  }
}

@Resolver()
export class LicenceResolver {
  @Query(() => [Licence], { description: 'The licence catalogue; with `ids` only those.' })
  licences(@Args('ids', { type: () => [String], nullable: true }) ids?: string[] | null) {
    return LICENCES.filter((licence) => !ids || ids.includes(licence.id));
  }
}
