import { Module } from '@nestjs/common';
import { DeploymentModule } from '../deployments/deployment.module.js';
import { FineTuneJobModule } from '../fine-tune-jobs/fine-tune-job.module.js';
import { ModelModule } from '../models/model.module.js';
import { RewardModelResolver } from './reward-model.resolver.js';
import { RewardModelService } from './reward-model.service.js';

@Module({
  imports: [DeploymentModule, FineTuneJobModule, ModelModule],
  providers: [RewardModelService, RewardModelResolver],
  exports: [RewardModelService],
})
export class RewardModelModule {}
