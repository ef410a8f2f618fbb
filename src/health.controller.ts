import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiResponse } from '@nestjs/swagger';
import { Public } from './auth/request-context.guard.js';
import { DomainError } from './common/errors.js';
import { Database } from './database/database.js';
import { Queues } from './queue/queues.js';

@Public()
@Controller('health')
export class HealthController {
  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
  ) {}

  @ApiOperation({ summary: 'The process answers' })
  @ApiOkResponse({ description: 'It does', schema: { type: 'object', required: ['status'], properties: { status: { const: 'ok' } } } as object })
  @Get('live')
  live() {
    return { status: 'ok' };
  }

  @ApiOperation({ summary: 'Postgres and Redis answer, and Redis never evicts' })
  @ApiResponse({ status: 503, description: 'What is wrong' })
  @ApiOkResponse({ description: 'They do', schema: { type: 'object', required: ['status'], properties: { status: { const: 'ok' } } } as object })
  @Get('ready')
  async ready() {
    const checks = await Promise.allSettled([this.database.platform.query('SELECT 1'), this.queues.assertUsable()]);
    const failures = checks.flatMap((check) => (check.status === 'rejected' ? [(check.reason as Error).message] : []));
    if (failures.length > 0) throw new DomainError('unavailable', failures.join(' '));
    return { status: 'ok' };
  }
}
