import { Body, Controller, Get, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOkResponse, ApiOperation, ApiParam } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Ctx } from '../../auth/carrier.js';
import { RequiresRole } from '../../auth/requires-role.js';
import { NoCommand } from '../../commands/command.interceptor.js';
import type { RequestContext } from '../../common/request-context.js';
import { chatRequestSchema, parseChatRequest } from './chat-request.js';
import { ChatService } from './chat.service.js';
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
  @ApiBody({ schema: chatRequestSchema })
  @ApiOkResponse({ description: 'A chat completion; with `stream: true` server-sent events that end with `data: [DONE]`' })
  @RequiresRole('viewer')
  @NoCommand()
  @Post('chat/completions')
  @HttpCode(200)
  async complete(@Ctx() ctx: RequestContext, @Body() body: object, @Res() reply: FastifyReply): Promise<void> {
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    try {
      const answer = await this.chat.complete(ctx, parseChatRequest(body), gone.signal);
      await reply.status(answer.status).headers(answer.headers).send(answer.body);
    } catch (error) {
      if (!gone.signal.aborted) throw error;
    }
  }

  @ApiOperation({ summary: 'Deployments, and registered versions by number and alias, as OpenAI\'s list of models' })
  @Get('models')
  list(@Ctx() ctx: RequestContext) {
    return this.models.list(ctx);
  }

  /** Ids hold slashes, which some clients escape and some do not. */
  @ApiOperation({ summary: 'One of them' })
  @ApiParam({ name: 'path', description: 'The id, whose slashes may stay as they are' })
  @Get('models/*')
  retrieve(@Ctx() ctx: RequestContext, @Param() { '*': id }: { '*': string }) {
    return this.models.retrieve(ctx, id);
  }
}
