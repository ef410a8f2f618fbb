import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import type { ChatMessage } from '../deployments/runtime/chat.types.js';
import type { RewardReport } from '../contracts/contracts.generated.js';
import { RuntimeService } from '../deployments/runtime/runtime.service.js';
import { FineTuneJobService } from '../fine-tune-jobs/fine-tune-job.service.js';
import type { ModelVersionEntity } from '../models/model.entity.js';
import { ModelService } from '../models/model.service.js';

@Injectable()
export class RewardModelService {
  constructor(
    private readonly models: ModelService,
    private readonly runtime: RuntimeService,
    private readonly jobs: FineTuneJobService,
  ) {}

  /** Raw rewards of whole conversations (prompt and answer), in order. @throws DomainError bad_input unless the version is a reward model. */
  score(ctx: RequestContext, version: ModelVersionEntity, conversations: ChatMessage[][], signal?: AbortSignal): Promise<number[]> {
    return this.runtime.classify(ctx, version, conversations, signal);
  }

  /** Held-out evidence that the job which made a reward model reported; null for one that no job made, and for policies. */
  async reportOf(ctx: RequestContext, version: Pick<ModelVersionEntity, 'kind' | 'jobId'>): Promise<RewardReport | null> {
    return version.kind === 'reward' && version.jobId !== null ? (await this.jobs.load(ctx, version.jobId))?.rewardReport ?? null : null;
  }

  /** As `score`, by reference. */
  async scoreAnswers(ctx: RequestContext, reference: string, conversations: ChatMessage[][]): Promise<number[]> {
    return this.score(ctx, await this.models.resolve(ctx, reference), conversations);
  }
}
