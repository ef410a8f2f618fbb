import { Module } from '@nestjs/common';
import { DeploymentModule } from '../deployments/deployment.module.js';
import { ModelModule } from '../models/model.module.js';
import { PromptModule } from '../prompts/prompt.module.js';
import { CallAccount } from './call-account.js';
import { GatewayRoutes } from './gateway.routes.js';
import { GatewayService } from './gateway.service.js';
import { ModelListService } from './model-list.service.js';
import { ModelsController } from './models.controller.js';
import { PlanService } from './plan.service.js';
import { TargetCaller } from './target-caller.js';

@Module({
  imports: [DeploymentModule, ModelModule, PromptModule],
  controllers: [ModelsController],
  providers: [PlanService, TargetCaller, CallAccount, GatewayService, GatewayRoutes, ModelListService],
})
export class GatewayModule {}
