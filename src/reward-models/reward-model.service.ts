import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import type { ChatMessage } from '../deployments/runtime/chat.types.js';
import { RuntimeService } from '../deployments/runtime/runtime.service.js';
import type { ModelVersionEntity } from '../models/model.entity.js';
import { ModelService } from '../models/model.service.js';

@Injectable()
export class RewardModelService {
  constructor(
    private readonly models: ModelService,
    private readonly runtime: RuntimeService,
  ) {}

  /** Raw rewards of whole conversations (prompt and answer), in order. @throws DomainError bad_input unless the version is a reward model. */
  score(ctx: RequestContext, version: ModelVersionEntity, conversations: ChatMessage[][], signal?: AbortSignal): Promise<number[]> {
    return this.runtime.classify(ctx, version, conversations, signal);
  }

  /** As `score`, by reference. */
  async scoreAnswers(ctx: RequestContext, reference: string, conversations: ChatMessage[][]): Promise<number[]> {
    return this.score(ctx, await this.models.resolve(ctx, reference), conversations);
  }
}
