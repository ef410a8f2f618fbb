import { Global, Module } from '@nestjs/common';
import { AdmissionService } from './admission.service.js';
import { LimitPolicies } from './limit-policies.js';
import { LimiterService } from './limiter.service.js';
import { LimitsRepository } from './limits.repository.js';
import { LimitsResolver } from './limits.resolver.js';
import { LimitsService } from './limits.service.js';
import { QuotaService } from './quota.service.js';
import { RefusedStatusPlugin } from './refused-status.plugin.js';
import { UsageService } from './usage.service.js';

@Global()
@Module({
  providers: [LimitsRepository, LimitPolicies, LimiterService, UsageService, AdmissionService, QuotaService, LimitsService, LimitsResolver, RefusedStatusPlugin],
  exports: [AdmissionService, QuotaService, UsageService],
})
export class LimitsModule {}
