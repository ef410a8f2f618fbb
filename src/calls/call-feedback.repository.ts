import { Injectable } from '@nestjs/common';
import { newId } from '../common/ids.js';
import type { ListArgs, Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { byCreation, keysetPage, keysetPages, narrow } from '../database/keyset.js';
import { CallFeedbackEntity } from './call.entity.js';

export interface FeedbackFilter {
  callId?: string | null;
  principal?: string | null;
  thumb?: boolean | null;
  corrected?: boolean | null;
  preferred?: boolean | null;
  minScore?: number | null;
  maxScore?: number | null;
  createdAfter?: Date | null;
  createdBefore?: Date | null;
}
export type FeedbackListArgs = ListArgs<FeedbackFilter, 'created_at'>;
export type NewFeedback = Omit<CallFeedbackEntity, 'id' | 'projectId' | 'principal' | 'createdAt'>;

const ORDERS = { created_at: byCreation('feedback') };

@Injectable()
export class CallFeedbackRepository {
  constructor(private readonly database: Database) {}

  add(ctx: RequestContext, feedback: NewFeedback): Promise<CallFeedbackEntity> {
    return this.database.manager(ctx).save(CallFeedbackEntity, { ...feedback, id: newId('fb'), projectId: ctx.projectId, principal: ctx.principal });
  }

  find(ctx: RequestContext, id: string): Promise<CallFeedbackEntity | null> {
    return this.database.manager(ctx).findOneBy(CallFeedbackEntity, { projectId: ctx.projectId, id });
  }

  list(ctx: RequestContext, args: FeedbackListArgs): Promise<Page<CallFeedbackEntity>> {
    return keysetPage(this.matching(ctx, args), ORDERS, args);
  }

  /** Of each call a page. */
  listOf(ctx: RequestContext, callIds: readonly string[], args: FeedbackListArgs): Promise<Map<string, Page<CallFeedbackEntity>>> {
    return keysetPages(this.matching(ctx, args), 'callId', callIds, ORDERS, args);
  }

  /** All on these calls, oldest first. */
  on(ctx: RequestContext, callIds: readonly string[]): Promise<CallFeedbackEntity[]> {
    return this.database.manager(ctx).createQueryBuilder(CallFeedbackEntity, 'feedback').where({ projectId: ctx.projectId })
      .andWhere('feedback.callId = ANY(:callIds)', { callIds }).orderBy('feedback.id').getMany();
  }

  private matching(ctx: RequestContext, { filter }: FeedbackListArgs) {
    return narrow(this.database.manager(ctx).createQueryBuilder(CallFeedbackEntity, 'feedback').where({ projectId: ctx.projectId }), {
      'feedback.callId = :value': filter?.callId, 'feedback.principal = :value': filter?.principal, 'feedback.thumb = :value': filter?.thumb,
      '(feedback.correctedAnswer IS NOT NULL) = :value': filter?.corrected,
      '(feedback.preferredOverCallId IS NOT NULL OR feedback.preferredOverAnswer IS NOT NULL) = :value': filter?.preferred,
      'feedback.score >= :value': filter?.minScore, 'feedback.score <= :value': filter?.maxScore,
      'feedback.createdAt > :value': filter?.createdAfter, 'feedback.createdAt < :value': filter?.createdBefore,
    });
  }
}
