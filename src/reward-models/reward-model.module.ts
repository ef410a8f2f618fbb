import { Module } from '@nestjs/common';
import { DeploymentModule } from '../deployments/deployment.module.js';
import { ModelModule } from '../models/model.module.js';
import { RewardModelResolver } from './reward-model.resolver.js';
import { RewardModelService } from './reward-model.service.js';

@Module({
  imports: [DeploymentModule, ModelModule],
  providers: [RewardModelService, RewardModelResolver],
  exports: [RewardModelService],
})
export class RewardModelModule {}
