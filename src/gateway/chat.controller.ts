import { Body, Controller, Get, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOkResponse, ApiOperation, ApiParam, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Ctx } from '../auth/carrier.js';
import { RequiresRole } from '../auth/requires-role.js';
import { NoCommand } from '../commands/command.interceptor.js';
import type { RequestContext } from '../common/request-context.js';
import type { Reservation } from '../limits/buckets.js';
import { Reserved, SpendsTokens } from '../limits/spends-tokens.js';
import { chatRequestSchema } from './chat-request.js';
import { estimateTokens } from './chat-usage.js';
import { ChatService } from './chat.service.js';
import { OPENAI_SCHEMAS } from './openai.openapi.js';
import { ModelListService } from './model-list.service.js';

/** OpenAI's routes; its official clients are the judge of them. */
@ApiBearerAuth()
@Controller('v1')
export class ChatController {
  constructor(
    private readonly chat: ChatService,
    private readonly models: ModelListService,
  ) {}

  @ApiOperation({ summary: 'OpenAI\'s chat completions', description: 'Fields that are not listed are passed on to the model\'s runtime or provider as they are.' })
  @ApiBody({ schema: chatRequestSchema, examples: { conversation: { value: { model: 'house-assistant', messages: [{ role: 'user', content: 'Close the blind in the studio.' }] } } } })
  @ApiOkResponse({
    description: 'A chat completion; with `stream: true` server-sent events that end with `data: [DONE]`',
    content: { 'application/json': { schema: OPENAI_SCHEMAS.completion }, 'text/event-stream': { schema: { type: 'string' } } },
  })
  @ApiResponse({ status: 502, description: 'The model\'s provider or runtime failed' })
  @RequiresRole('viewer')
  @NoCommand()
  @Post('chat/completions')
  @HttpCode(200)
  @SpendsTokens(estimateTokens)
  async complete(@Ctx() ctx: RequestContext, @Body() body: object, @Res() reply: FastifyReply, @Reserved() reservation?: Reservation): Promise<void> {
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    try {
      const answer = await this.chat.complete(ctx, body, gone.signal, reservation);
      await reply.status(answer.status).headers(answer.headers).send(answer.body);
    } catch (error) {
      if (!gone.signal.aborted) throw error;
    }
  }

  @ApiOperation({ summary: 'Deployments, and registered versions by number and alias, as OpenAI\'s list of models' })
  @ApiOkResponse({ description: 'All of them', schema: OPENAI_SCHEMAS.models })
  @Get('models')
  list(@Ctx() ctx: RequestContext) {
    return this.models.list(ctx);
  }

  /** Ids hold slashes, which some clients escape and some do not. */
  @ApiOperation({ summary: 'One of them' })
  @ApiParam({ name: 'path', description: 'The id, whose slashes may stay as they are', schema: { type: 'string', minLength: 1, examples: ['house-assistant'] } })
  @ApiOkResponse({ description: 'The model', schema: OPENAI_SCHEMAS.model })
  @Get('models/*')
  retrieve(@Ctx() ctx: RequestContext, @Param() { '*': id }: { '*': string }) {
    return this.models.retrieve(ctx, id);
  }
}
