import { Body, Controller, Get, HttpCode, Post, Query, StreamableFile } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiHeader, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { Readable } from 'node:stream';
import { Ctx } from '../auth/carrier.js';
import { RequiresRole } from '../auth/requires-role.js';
import type { RequestContext } from '../common/request-context.js';
import { CallExportService } from './call-export.service.js';
import { CallFeedbackService } from './call-feedback.service.js';
import { ExportQuery, FEEDBACK_SCHEMA, FeedbackBody, feedbackObject, feedbackOf, filterOf, throwInRestWords } from './call.rest.js';

@ApiBearerAuth()
@Controller('v1')
export class CallController {
  constructor(
    private readonly feedback: CallFeedbackService,
    private readonly exports: CallExportService,
  ) {}

  @ApiOperation({ summary: 'Judges a call', description: 'As the GraphQL mutation addCallFeedback. Name the call by call_id or request_id, and give at least one judgement. Several calls of one request_id are a conflict, which lists their ids.' })
  @ApiHeader({ name: 'idempotency-key', required: false })
  @ApiBody({ type: FeedbackBody })
  @ApiOkResponse({ description: 'The feedback', schema: FEEDBACK_SCHEMA })
  @RequiresRole('annotator')
  @Post('feedback')
  @HttpCode(200)
  async add(@Ctx() ctx: RequestContext, @Body() body: FeedbackBody) {
    return feedbackObject(await this.feedback.add(ctx, feedbackOf(body)).catch(throwInRestWords));
  }

  @ApiOperation({ summary: 'Calls with their feedback, one JSON object a line, newest first', description: 'Streamed. Calls that come in meanwhile are not among them.' })
  @ApiOkResponse({ description: 'JSONL', content: { 'application/jsonl': { schema: { type: 'string' } } } })
  @Get('calls/export')
  async export(@Ctx() ctx: RequestContext, @Query() query: ExportQuery) {
    return new StreamableFile(Readable.from(await this.exports.lines(ctx, filterOf(query))), { type: 'application/jsonl' });
  }
}
