import { Body, Controller, Get, Param, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Ctx } from '../../auth/request-context.guard.js';
import type { RequestContext } from '../../common/request-context.js';
import { parseChatRequest } from './chat-request.js';
import { ChatService } from './chat.service.js';
import { ModelListService } from './model-list.service.js';

/** OpenAI's routes; its official clients are the judge of them. */
@Controller('v1')
export class ChatController {
  constructor(
    private readonly chat: ChatService,
    private readonly models: ModelListService,
  ) {}

  @Post('chat/completions')
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

  @Get('models')
  list(@Ctx() ctx: RequestContext) {
    return this.models.list(ctx);
  }

  /** Ids hold slashes, which some clients escape and some do not. */
  @Get('models/*')
  retrieve(@Ctx() ctx: RequestContext, @Param('*') id: string) {
    return this.models.retrieve(ctx, id);
  }
}
