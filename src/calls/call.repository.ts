import { Injectable } from '@nestjs/common';
import { In, type SelectQueryBuilder } from 'typeorm';
import { firstIdAt } from '../common/ids.js';
import { decodeCursor, type Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { byCreation, keysetPage, type SortKeys } from '../database/keyset.js';
import { CALL_TOKENS, type CallFilter, type CallListArgs, type CallOrderField, type StatsGroup, where } from './call-filter.js';
import { type CallBodies, CallEntity } from './call.entity.js';

const ORDERS: SortKeys<CallEntity, CallOrderField> = {
  created_at: byCreation('call'),
  latency_ms: { sql: 'call.latencyMs', of: ({ latencyMs }) => latencyMs, type: 'float8' },
  cost: { sql: 'call.cost', of: ({ cost }) => cost, type: 'float8' },
  tokens: { sql: CALL_TOKENS, of: ({ promptTokens, completionTokens }) => promptTokens + completionTokens, type: 'bigint' },
};

/** Ids before and after all calls. */
const [LOWEST, HIGHEST] = ['', 'call_~'];
/** Matches of a search that are looked at first; when the filter leaves too few of them, sixteen times as many. */
const FIRST_MATCHES = 1_000;
const MORE = 16;

/** What groups of calls go by. Times are UTC's. */
const GROUPS: Record<StatsGroup, string> = {
  model: 'call.model', target: 'call.target', promptVersion: 'call.promptVersionId', modelVersion: 'call.modelVersionId', deployment: 'call.deploymentId',
  arm: 'call.arm', errorCode: 'call.errorCode',
  hour: `to_char(call.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:00:00"Z"')`, day: `to_char(call.at AT TIME ZONE 'UTC', 'YYYY-MM-DD')`,
};
const MAX_GROUPS = 1_000;

export interface CallStatsRow {
  key: string | null;
  calls: number;
  failed: number;
  cached: number;
  promptTokens: number;
  completionTokens: number;
  cost: number;
  latencyMs: [number, number, number];
  firstTokenMs: [number, number, number] | null;
}

@Injectable()
export class CallRepository {
  constructor(private readonly database: Database) {}

  find(ctx: RequestContext, id: string): Promise<CallEntity | null> {
    return this.database.manager(ctx).findOneBy(CallEntity, { projectId: ctx.projectId, id });
  }

  /** Ids of the calls of a request, newest first. */
  async idsOfRequest(ctx: RequestContext, requestId: string, limit: number): Promise<string[]> {
    const calls = await this.database.manager(ctx).find(CallEntity, { select: { id: true }, where: { projectId: ctx.projectId, requestId }, order: { id: 'DESC' }, take: limit });
    return calls.map(({ id }) => id);
  }

  findByIds(ctx: RequestContext, ids: readonly string[]): Promise<CallEntity[]> {
    return this.database.manager(ctx).findBy(CallEntity, { projectId: ctx.projectId, id: In(ids) });
  }

  /** What was asked and answered; lists leave it out, since it may be large. */
  bodies(ctx: RequestContext, ids: readonly string[]): Promise<CallBodies[]> {
    return this.database.manager(ctx).find(CallEntity, { select: { id: true, variables: true, request: true, answer: true }, where: { projectId: ctx.projectId, id: In(ids) } });
  }

  async list(ctx: RequestContext, args: CallListArgs): Promise<Page<CallEntity>> {
    const words = args.filter?.text;
    if (words == null) return keysetPage(this.matching(ctx, args.filter), ORDERS, args);
    const byTime = (args.orderBy?.field ?? 'created_at') === 'created_at';
    const newest = ((args.orderBy?.direction ?? 'desc') === 'desc') === (args.last == null);
    const [low, high] = boundsOf(args, byTime);
    for (let most = FIRST_MATCHES; ; most *= MORE) {
      const limit = byTime ? most : Number.MAX_SAFE_INTEGER;
      const found = { words, low, high, limit, newest };
      const page = await keysetPage(this.matching(ctx, args.filter).andWhere('call.id IN (SELECT triad_calls_matching(:words, :low, :high, :limit, :newest))', found), ORDERS, args);
      if (!byTime || (args.last == null ? page.pageInfo.hasNextPage : page.pageInfo.hasPreviousPage)) return page;
      if (await this.countMatches(ctx, [words, low, high, most, newest]) < most) return page;
    }
  }

  /** Groups with the most calls first; of hours and days the newest. */
  async stats(ctx: RequestContext, filter: CallFilter, group: StatsGroup): Promise<CallStatsRow[]> {
    const percentiles = (column: string) => `percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY ${column})`;
    const query = this.matching(ctx, filter).select(GROUPS[group], 'key').addSelect('count(*)::float8', 'calls')
      .addSelect('count(call.errorCode)::float8', 'failed').addSelect('count(*) FILTER (WHERE call.cached)::float8', 'cached')
      .addSelect('sum(call.promptTokens)::float8', 'promptTokens').addSelect('sum(call.completionTokens)::float8', 'completionTokens').addSelect('sum(call.cost)', 'cost')
      .addSelect(percentiles('call.latencyMs'), 'latencyMs').addSelect(percentiles('call.firstTokenMs'), 'firstTokenMs')
      .groupBy(GROUPS[group]).orderBy(group === 'hour' || group === 'day' ? '"key"' : '"calls"', 'DESC').limit(MAX_GROUPS);
    if (filter.text != null) {
      query.andWhere('call.id IN (SELECT triad_calls_matching(:words, :low, :high, :limit, true))', { words: filter.text, ...namedBounds(filter), limit: Number.MAX_SAFE_INTEGER });
    }
    const rows = await query.getRawMany<Omit<CallStatsRow, 'firstTokenMs'> & { firstTokenMs: (number | null)[] | null }>();
    return rows.map((row) => ({ ...row, firstTokenMs: row.firstTokenMs?.[0] == null ? null : row.firstTokenMs as [number, number, number] }));
  }

  private matching(ctx: RequestContext, filter: CallFilter | null | undefined): SelectQueryBuilder<CallEntity> {
    return where(this.database.manager(ctx).createQueryBuilder(CallEntity, 'call').where({ projectId: ctx.projectId }), filter);
  }

  private async countMatches(ctx: RequestContext, given: unknown[]): Promise<number> {
    const [{ count }] = await this.database.manager(ctx).query<[{ count: number }]>('SELECT count(*)::float8 AS count FROM triad_calls_matching($1, $2, $3, $4, $5)', given);
    return count;
  }
}

function namedBounds({ since, until }: CallFilter): { low: string; high: string } {
  return { low: since ? firstIdAt('call', since) : LOWEST, high: until ? firstIdAt('call', until) : HIGHEST };
}

/** Between which ids a search must look: those of its times and, in order of time, those of its cursors. */
function boundsOf(args: CallListArgs, byTime: boolean): [low: string, high: string] {
  const { low, high } = namedBounds(args.filter ?? {});
  if (!byTime) return [low, high];
  const descending = (args.orderBy?.direction ?? 'desc') === 'desc';
  const [above, below] = descending ? [args.before, args.after] : [args.after, args.before];
  return [max(low, idOf(above, descending ? 'before' : 'after')), min(high, idOf(below, descending ? 'after' : 'before'))];
}

const max = (low: string, id: string | null): string => (id !== null && id > low ? id : low);
const min = (high: string, id: string | null): string => (id !== null && id < high ? id : high);

/** The id in a cursor; one that is none is refused where the page is read. */
function idOf(cursor: string | null | undefined, param: string): string | null {
  if (cursor == null) return null;
  try {
    const parts = JSON.parse(decodeCursor(cursor, param)) as unknown;
    return Array.isArray(parts) && typeof parts[2] === 'string' ? parts[2] : null;
  } catch {
    return null;
  }
}
