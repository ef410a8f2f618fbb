import { Args, ID, Mutation, Query, Resolver } from '@nestjs/graphql';
import type { RequestContext } from '../common/request-context.js';
import { ApiKey, ApiKeyConnection, ApiKeysArgs, CreateApiKeyArgs, IssuedApiKey, RotateApiKeyArgs } from './access.types.js';
import { ApiKeyService } from './api-key.service.js';
import { Ctx } from './carrier.js';
import { RequiresRole } from './requires-role.js';

@RequiresRole('admin')
@Resolver(() => ApiKey)
export class ApiKeyResolver {
  constructor(private readonly keys: ApiKeyService) {}

  @Query(() => ApiKeyConnection, { description: 'Keys of the project, by default newest first, also those that are no longer valid. Errors: forbidden.' })
  apiKeys(@Ctx() ctx: RequestContext, @Args() args: ApiKeysArgs) {
    return this.keys.list(ctx, args);
  }

  @Mutation(() => IssuedApiKey, { description: 'Makes a key; the answer alone shows it. Errors: bad_input, forbidden.' })
  createApiKey(@Ctx() ctx: RequestContext, @Args() { name, role, expiresAt }: CreateApiKeyArgs) {
    return this.keys.create(ctx, { name, role, expiresAt: expiresAt ?? null });
  }

  @Mutation(() => IssuedApiKey, { description: 'Makes a key of the same name, role, limits and length of life, and lets the old one expire after an overlap. Errors: bad_input, not_found, conflict, forbidden.' })
  rotateApiKey(@Ctx() ctx: RequestContext, @Args() { id, overlapSeconds }: RotateApiKeyArgs) {
    return this.keys.rotate(ctx, id, overlapSeconds);
  }

  @Mutation(() => ApiKey, { description: 'Ends a key; within a second no process takes it any more. Errors: not_found, forbidden.' })
  revokeApiKey(@Ctx() ctx: RequestContext, @Args('id', { type: () => ID }) id: string) {
    return this.keys.revoke(ctx, id);
  }
}
