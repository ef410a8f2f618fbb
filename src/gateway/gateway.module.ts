import { Module } from '@nestjs/common';
import { DeploymentModule } from '../deployments/deployment.module.js';
import { ModelModule } from '../models/model.module.js';
import { PromptModule } from '../prompts/prompt.module.js';
import { ChatController } from './chat.controller.js';
import { ChatService } from './chat.service.js';
import { ModelListService } from './model-list.service.js';

@Module({
  imports: [DeploymentModule, ModelModule, PromptModule],
  controllers: [ChatController],
  providers: [ChatService, ModelListService],
})
export class GatewayModule {}
