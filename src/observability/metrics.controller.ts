import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../auth/request-context.guard.js';
import { DomainError } from '../common/errors.js';
import { CONFIG, type Config } from '../config/config.js';
import { mayReadMetrics, METRICS_REFUSAL } from './metrics-access.js';
import { StateMetrics } from './state-metrics.js';

@ApiExcludeController()
@Public()
@Controller('metrics')
export class MetricsController {
  constructor(
    private readonly metrics: StateMetrics,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  @Get()
  read(@Req() { headers, socket: { remoteAddress } }: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    if (!mayReadMetrics({ headers, remoteAddress }, { token: this.config.TRIAD_METRICS_TOKEN, production: this.config.TRIAD_ENV === 'production' })) throw new DomainError('forbidden', METRICS_REFUSAL);
    void reply.header('content-type', 'text/plain; version=0.0.4; charset=utf-8');
    return this.metrics.render();
  }
}
