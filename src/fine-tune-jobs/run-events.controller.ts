import { Body, Controller, Headers, HttpCode, Param, Post } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Public } from '../auth/request-context.guard.js';
import { type Acknowledgement, FineTuneEventService } from './fine-tune-event.service.js';

/** The one way in for a run's events, whichever executor started its trainer; a one-run token stands in for an API key. */
@ApiExcludeController()
@Public()
@Controller('internal/runs')
export class RunEventsController {
  constructor(private readonly events: FineTuneEventService) {}

  @Post(':jobId/events')
  @HttpCode(200)
  post(@Param('jobId') jobId: string, @Headers('authorization') authorization: string | undefined, @Body() body: unknown): Promise<Acknowledgement> {
    return this.events.accept(jobId, authorization, body);
  }
}
