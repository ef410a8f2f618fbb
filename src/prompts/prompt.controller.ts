import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiHeader, ApiOkResponse, ApiOperation, ApiPropertyOptional, ApiResponse } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import { IsBoolean, IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { Ctx } from '../auth/carrier.js';
import type { RequestContext } from '../common/request-context.js';
import type { PromptVersionEntity } from './prompt.entity.js';
import { PROMPT_SCHEMAS } from './prompt.openapi.js';
import { newVersionOf, promptObject, versionObject } from './prompt-rest.js';
import { PromptService } from './prompt.service.js';

class ListPromptsQuery {
  @ApiPropertyOptional({ description: '`next` of the page before' }) @IsOptional() @IsString() after?: string;
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 500, default: 50 }) @IsOptional() @Type(() => Number) @IsInt() @Min(1) @Max(500) limit: number = 50;
  @ApiPropertyOptional({ description: 'Only prompts in this folder, at any depth', maxLength: 200 }) @IsOptional() @IsString() @MaxLength(200) folder?: string;
  @ApiPropertyOptional({ description: 'Only prompts that carry this label' }) @IsOptional() @IsString() label?: string;
  @ApiPropertyOptional({ description: "One of the prompt's own tags" }) @IsOptional() @IsString() tag?: string;
  @ApiPropertyOptional({ description: 'Words, or their beginnings, that all occur in a prompt or in one of its versions', maxLength: 500 }) @IsOptional() @IsString() @MaxLength(500) search?: string;
  @ApiPropertyOptional({ description: 'true: only archived ones; otherwise only those that are not', type: 'boolean' })
  @IsOptional() @Transform(({ value }) => (value === 'true' ? true : value === 'false' ? false : value as unknown)) @IsBoolean() archived?: boolean;
}

/** Prompts for other systems, by Langfuse's names and habits. */
@ApiBearerAuth()
@Controller('v1/prompts')
export class PromptController {
  constructor(private readonly prompts: PromptService) {}

  @ApiOperation({ summary: 'Lists prompts', description: 'Newest first, without archived ones.' })
  @ApiOkResponse({ description: 'A page of prompts; `next` is there when there is another', schema: PROMPT_SCHEMAS.page })
  @Get()
  async list(@Ctx() ctx: RequestContext, @Query() { after, limit, ...filter }: ListPromptsQuery) {
    const { nodes, pageInfo } = await this.prompts.list(ctx, { first: limit, after: after ?? null, filter });
    const data = await Promise.all(nodes.map(async (prompt) => promptObject(prompt, (await this.prompts.loadLabels(ctx, prompt.id))!.map((each) => each.label))));
    return { object: 'list', data, has_more: pageInfo.hasNextPage, next: pageInfo.hasNextPage ? pageInfo.endCursor : null };
  }

  @ApiOperation({ summary: 'Adds a version of a prompt', description: 'The first creates the prompt. A version never changes.' })
  @ApiBody({ schema: PROMPT_SCHEMAS.create, examples: { text: { value: { name: 'house/call', prompt: 'Do: {{sentence}}', labels: ['production'] } } } })
  @ApiHeader({ name: 'idempotency-key', required: false })
  @ApiResponse({ status: 201, description: 'The version', schema: PROMPT_SCHEMAS.version })
  @Post()
  @HttpCode(201)
  async create(@Ctx() ctx: RequestContext, @Body() body: unknown) {
    return this.objectOf(ctx, await this.prompts.createVersion(ctx, newVersionOf(body)));
  }

  private async objectOf(ctx: RequestContext, version: PromptVersionEntity) {
    const [prompt, labels] = await Promise.all([this.prompts.load(ctx, version.promptId), this.prompts.labelsOf(ctx, version)]);
    return versionObject(version, prompt!, labels);
  }
}
