import { Controller, Get, Res } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Public } from './auth/request-context.guard.js';
import { HealthService, type Readiness } from './observability/health.service.js';

@Public()
@Controller('health')
export class HealthController {
  constructor(private readonly health: HealthService) {}

  @ApiOperation({ summary: 'The process answers' })
  @Get('live')
  live() {
    return { status: 'ok' };
  }

  @ApiOperation({ summary: 'Postgres and its migrations, Redis and its policy, and storage are as they must be, and the process is not about to end' })
  @ApiResponse({ status: 200, description: 'Each check with its result' })
  @ApiResponse({ status: 503, description: 'The same; a check that failed says what is wrong and how to mend it' })
  @Get('ready')
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<Readiness> {
    const readiness = await this.health.readiness();
    if (readiness.status !== 'ok') void reply.status(503);
    return readiness;
  }
}
