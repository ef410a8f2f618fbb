import { Module } from '@nestjs/common';
import { ModelModule } from '../models/model.module.js';
import { WebhookModule } from '../webhooks/webhook.module.js';
import { DeploymentRepository } from './deployment.repository.js';
import { DeploymentResolver } from './deployment.resolver.js';
import { DeploymentService } from './deployment.service.js';
import { ProviderProbe } from './provider-probe.js';
import { ProviderResolver } from './provider.resolver.js';
import { ProviderService } from './provider.service.js';
import { RoutingService } from './routing.service.js';
import { ModelLoader } from './runtime/model-loader.js';
import { RuntimeService } from './runtime/runtime.service.js';
import { TargetService } from './target.service.js';

@Module({
  imports: [ModelModule, WebhookModule],
  providers: [
    DeploymentRepository, DeploymentService, RoutingService, DeploymentResolver, ProviderProbe, ProviderResolver, ProviderService, TargetService, ModelLoader, RuntimeService,
  ],
  exports: [DeploymentService, RoutingService, ProviderService, RuntimeService, TargetService],
})
export class DeploymentModule {}
