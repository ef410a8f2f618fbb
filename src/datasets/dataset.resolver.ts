import { Args, Mutation, Parent, Query, ResolveField, ResolveReference, Resolver } from '@nestjs/graphql';
import { Ctx } from '../auth/carrier.js';
import { PageArgs } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import type { DatasetVersionEntity } from './dataset.entity.js';
import { DatasetService } from './dataset.service.js';
import {
  CreateDatasetVersionInput, Dataset, DatasetConnection, DatasetRowConnection, DatasetsArgs, DatasetVersion, DatasetVersionConnection, DatasetVersionsArgs,
} from './dataset.types.js';

@Resolver(() => DatasetVersion)
export class DatasetVersionResolver {
  constructor(private readonly datasets: DatasetService) {}

  @Query(() => DatasetVersion, { description: 'One version of a data set. Errors: bad_reference, not_found.' })
  dataset(@Ctx() ctx: RequestContext, @Args('ref', { description: '`datasets:/name/2`, `datasets:/name@latest` or `datasets:/name` (newest).' }) ref: string) {
    return this.datasets.resolve(ctx, ref);
  }

  @Mutation(() => DatasetVersion, {
    description: 'Normalises an uploaded file into an immutable version; the same content and settings answer the version there is. Errors: bad_data, bad_input, bad_reference, conflict, licence_refused, not_found, quota_exceeded.',
  })
  createDatasetVersion(@Ctx() ctx: RequestContext, @Args('input') input: CreateDatasetVersionInput) {
    return this.datasets.createFromFile(ctx, input);
  }

  @ResolveReference()
  resolveReference(@Ctx() ctx: RequestContext, @Parent() { id }: DatasetVersion) {
    return this.datasets.loadVersion(ctx, id);
  }

  @ResolveField(() => DatasetRowConnection, { description: 'Rows in their order. Errors: sealed.' })
  preview(@Ctx() ctx: RequestContext, @Parent() version: DatasetVersionEntity, @Args() page: PageArgs) {
    return this.datasets.preview(ctx, version, page);
  }
}

@Resolver(() => Dataset)
export class DatasetResolver {
  constructor(private readonly service: DatasetService) {}

  @Query(() => DatasetConnection, { description: 'By default newest first.' })
  datasets(@Ctx() ctx: RequestContext, @Args() args: DatasetsArgs) {
    return this.service.list(ctx, args);
  }

  @ResolveReference()
  resolveReference(@Ctx() ctx: RequestContext, @Parent() { id }: Dataset) {
    return this.service.load(ctx, id);
  }

  @ResolveField(() => DatasetVersionConnection, { description: 'By default newest first.' })
  versions(@Ctx() ctx: RequestContext, @Parent() dataset: Dataset, @Args() args: DatasetVersionsArgs) {
    return this.service.listVersions(ctx, dataset.id, args);
  }
}
