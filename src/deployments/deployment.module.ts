import { Module } from '@nestjs/common';
import { ModelModule } from '../models/model.module.js';
import { PromptModule } from '../prompts/prompt.module.js';
import { DeploymentRepository } from './deployment.repository.js';
import { DeploymentResolver, ProviderResolver } from './deployment.resolver.js';
import { DeploymentService } from './deployment.service.js';
import { ChatController } from './gateway/chat.controller.js';
import { ChatService } from './gateway/chat.service.js';
import { ModelListService } from './gateway/model-list.service.js';
import { TargetService } from './gateway/target.service.js';
import { ModelLoader } from './runtime/model-loader.js';
import { RuntimeService } from './runtime/runtime.service.js';

@Module({
  imports: [ModelModule, PromptModule],
  controllers: [ChatController],
  providers: [
    DeploymentRepository, DeploymentService, DeploymentResolver, ProviderResolver,
    TargetService, ChatService, ModelListService, ModelLoader, RuntimeService,
  ],
  exports: [RuntimeService],
})
export class DeploymentModule {}
