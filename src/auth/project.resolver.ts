import { Args, ID, Mutation, Query, ResolveField, Resolver } from '@nestjs/graphql';
import type { RequestContext } from '../common/request-context.js';
import { ApiKey, CreatedProject, Project, ProjectConnection, ProjectsArgs, Viewer } from './access.types.js';
import { ApiKeyService } from './api-key.service.js';
import { Ctx } from './carrier.js';
import { ProjectService } from './project.service.js';
import { RequiresPlatform } from './requires-role.js';

@Resolver(() => Project)
export class ProjectResolver {
  constructor(private readonly service: ProjectService) {}

  @Query(() => Project, { description: 'The caller\'s project.' })
  project(@Ctx() ctx: RequestContext) {
    return this.service.current(ctx);
  }

  @RequiresPlatform()
  @Query(() => ProjectConnection, { description: 'All projects, by default newest first; for platform keys. Errors: forbidden.' })
  projects(@Ctx() ctx: RequestContext, @Args() args: ProjectsArgs) {
    return this.service.list(ctx, args);
  }

  @RequiresPlatform()
  @Mutation(() => CreatedProject, { description: 'Makes a project and its first admin key; for platform keys. The answer alone shows the key. Errors: bad_input, conflict, forbidden.' })
  createProject(@Ctx() ctx: RequestContext, @Args('name', { description: '1–63 of a–z, 0–9, "." and "-".' }) name: string) {
    return this.service.create(ctx, name);
  }

  @RequiresPlatform()
  @Mutation(() => Project, { description: 'Renames a project; for platform keys. OIDC claims that name it must follow. Errors: bad_input, not_found, conflict, forbidden.' })
  renameProject(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string, @Args('name') name: string) {
    return this.service.rename(ctx, id, name);
  }
}

@Resolver(() => Viewer)
export class ViewerResolver {
  constructor(
    private readonly projects: ProjectService,
    private readonly keys: ApiKeyService,
  ) {}

  @Query(() => Viewer, { description: 'Who calls, and what they may do.' })
  viewer(@Ctx() { principal, role, platform }: RequestContext) {
    return { principal, role, platform };
  }

  @ResolveField(() => Project)
  project(@Ctx() ctx: RequestContext) {
    return this.projects.current(ctx);
  }

  @ResolveField(() => ApiKey, { nullable: true })
  apiKey(@Ctx() ctx: RequestContext) {
    return ctx.keyId === null ? null : this.keys.find(ctx, ctx.keyId);
  }
}
