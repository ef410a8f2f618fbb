import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { firstIdAt } from '../common/ids.js';
import type { ListArgs } from '../common/pagination.js';
import { narrow } from '../database/keyset.js';
import type { Operation } from './call-record.js';

/** Which calls; what is left out does not matter. */
export interface CallFilter {
  operation?: Operation | null;
  model?: string | null;
  target?: string | null;
  deploymentId?: string | null;
  providerId?: string | null;
  modelVersionId?: string | null;
  promptVersionId?: string | null;
  experimentId?: string | null;
  arm?: string | null;
  status?: number | null;
  failed?: boolean | null;
  errorCode?: string | null;
  principal?: string | null;
  requestId?: string | null;
  stickyKey?: string | null;
  metadata?: { key: string; value: string }[] | null;
  cached?: boolean | null;
  streamed?: boolean | null;
  minLatencyMs?: number | null;
  maxLatencyMs?: number | null;
  minCost?: number | null;
  maxCost?: number | null;
  minTokens?: number | null;
  maxTokens?: number | null;
  hasFeedback?: boolean | null;
  thumb?: boolean | null;
  minScore?: number | null;
  maxScore?: number | null;
  text?: string | null;
  since?: Date | null;
  until?: Date | null;
}

export type CallOrderField = 'created_at' | 'latency_ms' | 'cost' | 'tokens';
export type CallListArgs = ListArgs<CallFilter, CallOrderField>;

export type StatsGroup = 'model' | 'target' | 'promptVersion' | 'modelVersion' | 'deployment' | 'arm' | 'errorCode' | 'hour' | 'day';

export const CALL_TOKENS = '(call.promptTokens + call.completionTokens)';

const JUDGED = 'FROM call_feedback judged WHERE judged.project_id = call.projectId AND judged.call_id = call.id';

/** Conditions of a filter on a query of calls (`call`), all but the words that are searched for. */
export function where<E extends ObjectLiteral>(query: SelectQueryBuilder<E>, filter: CallFilter | null | undefined): SelectQueryBuilder<E> {
  if (!filter) return query;
  const equal = ['operation', 'model', 'target', 'deploymentId', 'providerId', 'modelVersionId', 'promptVersionId', 'experimentId', 'arm', 'status', 'errorCode',
    'principal', 'requestId', 'stickyKey', 'cached', 'streamed'] as const;
  narrow(query, {
    ...Object.fromEntries(equal.map((name) => [`call.${name} = :value`, filter[name]])),
    '(call.errorCode IS NOT NULL) = :value': filter.failed,
    'call.metadata @> CAST(:value AS jsonb)': filter.metadata?.length ? JSON.stringify(Object.fromEntries(filter.metadata.map(({ key, value }) => [key, value]))) : null,
    'call.latencyMs >= :value': filter.minLatencyMs, 'call.latencyMs <= :value': filter.maxLatencyMs,
    'call.cost >= :value': filter.minCost, 'call.cost <= :value': filter.maxCost,
    [`${CALL_TOKENS} >= :value`]: filter.minTokens, [`${CALL_TOKENS} <= :value`]: filter.maxTokens,
    [`EXISTS (SELECT ${JUDGED}) = :value`]: filter.hasFeedback,
    [`EXISTS (SELECT ${JUDGED} AND judged.thumb = :value)`]: filter.thumb,
    // Ids tell the time, and partitions go by them.
    'call.id >= :value': filter.since && firstIdAt('call', filter.since), 'call.id < :value': filter.until && firstIdAt('call', filter.until),
  });
  const { minScore, maxScore } = filter;
  if (minScore != null || maxScore != null) {
    query.andWhere(`EXISTS (SELECT ${JUDGED} AND judged.score >= coalesce(:minScore, judged.score) AND judged.score <= coalesce(:maxScore, judged.score))`, { minScore, maxScore });
  }
  return query;
}
