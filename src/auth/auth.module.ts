import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ApiKeyLookup } from './api-key-lookup.js';
import { ApiKeyRepository } from './api-key.repository.js';
import { ApiKeyResolver } from './api-key.resolver.js';
import { ApiKeyService } from './api-key.service.js';
import { AuthService } from './auth.service.js';
import { BootstrapService } from './bootstrap.service.js';
import { HotGuard } from './hot-guard.js';
import { OidcIssuers } from './oidc-issuers.js';
import { OidcService } from './oidc.service.js';
import { ProjectRepository } from './project.repository.js';
import { ProjectResolver, ViewerResolver } from './project.resolver.js';
import { ProjectService } from './project.service.js';
import { RequestContextGuard } from './request-context.guard.js';

@Global()
@Module({
  providers: [
    ApiKeyRepository, ProjectRepository, ApiKeyLookup, OidcIssuers, OidcService, AuthService, HotGuard, BootstrapService,
    ApiKeyService, ProjectService, ApiKeyResolver, ProjectResolver, ViewerResolver,
    { provide: APP_GUARD, useClass: RequestContextGuard },
  ],
  exports: [AuthService, HotGuard],
})
export class AuthModule {}
