import { Module } from '@nestjs/common';
import { CallModule } from '../calls/call.module.js';
import { DeploymentModule } from '../deployments/deployment.module.js';
import { ExperimentModule } from '../experiments/experiment.module.js';
import { ModelModule } from '../models/model.module.js';
import { PromptModule } from '../prompts/prompt.module.js';
import { AnswerFinder } from './answer-finder.js';
import { AnswerPasser } from './answer-passer.js';
import { CallAccount } from './call-account.js';
import { GatewayRoutes } from './gateway.routes.js';
import { GatewayService } from './gateway.service.js';
import { ModelListService } from './model-list.service.js';
import { ModelsController } from './models.controller.js';
import { PromptFiller } from './prompt-filler.js';
import { RouteService } from './route.service.js';
import { AnswerCache } from './routing/answer-cache.js';
import { Coalescer } from './routing/coalescer.js';
import { Failover } from './routing/failover.js';
import { TargetHealth } from './routing/target-health.js';
import { TargetCaller } from './target-caller.js';

@Module({
  imports: [CallModule, DeploymentModule, ExperimentModule, ModelModule, PromptModule],
  controllers: [ModelsController],
  providers: [
    GatewayRoutes, GatewayService, RouteService, PromptFiller, AnswerFinder, AnswerPasser, CallAccount, TargetCaller,
    AnswerCache, Coalescer, Failover, TargetHealth, ModelListService,
  ],
})
export class GatewayModule {}
