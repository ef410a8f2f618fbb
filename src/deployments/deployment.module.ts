import { Module } from '@nestjs/common';
import { ModelModule } from '../models/model.module.js';
import { DeploymentRepository } from './deployment.repository.js';
import { DeploymentResolver } from './deployment.resolver.js';
import { DeploymentService } from './deployment.service.js';
import { ProviderProbe } from './provider-probe.js';
import { ProviderResolver } from './provider.resolver.js';
import { ProviderService } from './provider.service.js';
import { ModelLoader } from './runtime/model-loader.js';
import { RuntimeService } from './runtime/runtime.service.js';
import { TargetService } from './target.service.js';

@Module({
  imports: [ModelModule],
  providers: [
    DeploymentRepository, DeploymentService, DeploymentResolver, ProviderProbe, ProviderResolver, ProviderService, TargetService, ModelLoader, RuntimeService,
  ],
  exports: [DeploymentService, ProviderService, RuntimeService, TargetService],
})
export class DeploymentModule {}
