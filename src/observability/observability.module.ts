import { Global, Module } from '@nestjs/common';
import { GraphqlObserver } from './graphql-observer.js';
import { HealthService } from './health.service.js';
import { MetricsController } from './metrics.controller.js';
import { OperationsServer } from './operations-server.js';
import { PlatformStateRepository } from './platform-state.repository.js';
import { StateMetrics } from './state-metrics.js';

@Global()
@Module({
  controllers: [MetricsController],
  providers: [GraphqlObserver, HealthService, OperationsServer, PlatformStateRepository, StateMetrics],
  exports: [HealthService, OperationsServer],
})
export class ObservabilityModule {}
