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

const STRAY = `
  WITH seen AS (SELECT id, project_id, call_id FROM call_feedback WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3),
  gone AS (
    DELETE FROM call_feedback USING seen WHERE call_feedback.id = seen.id
      AND NOT EXISTS (SELECT FROM calls WHERE calls.project_id = seen.project_id AND calls.id = seen.call_id)
    RETURNING call_feedback.id
  )
  SELECT (SELECT max(id) FROM seen) AS last, (SELECT count(*)::int FROM gone) AS removed`;

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

  /**
   * Removes feedback, of any project, on calls that are not in the log.
   * @param after id of the feedback that was looked at last
   * @param before only feedback with lower ids is looked at
   * @returns the id to go on after, and how many were removed.
   */
  async removeStray(after: string, before: string, limit: number): Promise<{ last: string; removed: number }> {
    const [{ last, removed }] = await this.database.platform.query<[{ last: string | null; removed: number }]>(STRAY, [after, before, limit]);
    return { last: last ?? after, removed };
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
