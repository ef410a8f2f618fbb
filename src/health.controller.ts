import { Controller, Get, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Public } from './auth/request-context.guard.js';
import { HealthService, type Readiness } from './observability/health.service.js';

const READINESS = {
  type: 'object', required: ['status', 'checks'],
  properties: {
    status: { enum: ['ok', 'unavailable'] },
    checks: { type: 'object', additionalProperties: { type: 'object', required: ['status', 'milliseconds'], properties: { status: { enum: ['ok', 'failed'] }, milliseconds: { type: 'integer' }, message: { type: 'string' } } } },
  },
} as object;

@Public()
@Controller('health')
export class HealthController {
  constructor(private readonly health: HealthService) {}

  @ApiOperation({ summary: 'The process answers' })
  @ApiOkResponse({ description: 'It does', schema: { type: 'object', required: ['status'], properties: { status: { const: 'ok' } } } as object })
  @Get('live')
  live() {
    return { status: 'ok' };
  }

  @ApiOperation({ summary: 'Postgres and its migrations, Redis and its policy, and storage are as they must be, and the process is not about to end' })
  @ApiResponse({ status: 200, description: 'Each check with its result', schema: READINESS })
  @ApiResponse({ status: 503, description: 'The same; a check that failed says what is wrong and how to mend it', schema: READINESS })
  @Get('ready')
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<Readiness> {
    const readiness = await this.health.readiness();
    if (readiness.status !== 'ok') void reply.status(503);
    return readiness;
  }
}
