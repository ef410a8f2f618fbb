import { Args, Int, Mutation, Parent, Query, ResolveField, ResolveReference, Resolver } from '@nestjs/graphql';
import { Ctx } from '../auth/carrier.js';
import { RequiresRole } from '../auth/requires-role.js';
import type { RequestContext } from '../common/request-context.js';
import type { ModelVersionEntity } from './model.entity.js';
import { ModelService } from './model.service.js';
import { Artefact, Model, ModelConnection, ModelsArgs, ModelVersion, ModelVersionConnection, ModelVersionsArgs, RegisterBaseModelInput } from './model.types.js';

@Resolver(() => ModelVersion)
export class ModelVersionResolver {
  constructor(private readonly models: ModelService) {}

  @Query(() => ModelVersion, { description: 'One version of a model. Errors: bad_reference, not_found.' })
  modelVersion(@Ctx() ctx: RequestContext, @Args('ref', { description: '`models:/name/2`, `models:/name@champion` or `models:/name` (newest).' }) ref: string) {
    return this.models.resolve(ctx, ref);
  }

  @Mutation(() => ModelVersion, { description: 'Registers whole weights; the same files under the same name answer the version there is. Errors: bad_input, bad_data, licence_refused, quota_exceeded.' })
  registerBaseModel(@Ctx() ctx: RequestContext, @Args('input') input: RegisterBaseModelInput) {
    return this.models.registerBaseModel(ctx, input);
  }

  @RequiresRole('deployer')
  @Mutation(() => ModelVersion, { description: 'Moves an alias to a version and emits model.alias.moved. Errors: bad_input, not_found, conflict.' })
  setModelAlias(
    @Ctx() ctx: RequestContext,
    @Args('model') model: string,
    @Args('alias') alias: string,
    @Args('version', { type: () => Int }) version: number,
    @Args('expectedVersion', { type: () => Int, nullable: true, description: 'The version that it names now, 0 for none: with it the alias moves only if nobody moved it meanwhile.' }) expectedVersion?: number | null,
  ) {
    return this.models.setAlias(ctx, model, alias, version, expectedVersion);
  }

  @ResolveReference()
  resolveReference(@Ctx() ctx: RequestContext, @Parent() { id }: ModelVersion) {
    return this.models.loadVersion(ctx, id);
  }

  @ResolveField(() => [String], { description: 'Aliases on this version, `latest` included.' })
  aliases(@Ctx() ctx: RequestContext, @Parent() version: ModelVersionEntity) {
    return this.models.aliasesOf(ctx, version);
  }

  @ResolveField(() => Artefact)
  async artefact(@Ctx() ctx: RequestContext, @Parent() version: ModelVersionEntity) {
    const { id, sha256, bytes, manifest } = await this.models.artefactOf(ctx, version);
    return { id, sha256, bytes, files: manifest.files };
  }
}

@Resolver(() => Model)
export class ModelResolver {
  constructor(private readonly service: ModelService) {}

  @Query(() => Model, { description: 'A model by name. Errors: not_found.' })
  model(@Ctx() ctx: RequestContext, @Args('name') name: string) {
    return this.service.find(ctx, name);
  }

  @Query(() => ModelConnection, { description: 'By default newest first.' })
  models(@Ctx() ctx: RequestContext, @Args() args: ModelsArgs) {
    return this.service.list(ctx, args);
  }

  @ResolveReference()
  resolveReference(@Ctx() ctx: RequestContext, @Parent() { id }: Model) {
    return this.service.load(ctx, id);
  }

  @ResolveField(() => ModelVersionConnection, { description: 'By default newest first.' })
  versions(@Ctx() ctx: RequestContext, @Parent() model: Model, @Args() args: ModelVersionsArgs) {
    return this.service.listVersions(ctx, model.id, args);
  }
}
