import { Controller, Get, Param } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiParam } from '@nestjs/swagger';
import { Ctx } from '../auth/carrier.js';
import type { RequestContext } from '../common/request-context.js';
import { ModelListService } from './model-list.service.js';
import { OPENAI_SCHEMAS } from './openai.openapi.js';

/** OpenAI's list of models. */
@ApiBearerAuth()
@Controller('v1')
export class ModelsController {
  constructor(private readonly models: ModelListService) {}

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
