import { Injectable } from '@nestjs/common';
import { batched, byId, byParent } from '../common/batched.js';
import { notFound } from '../common/errors.js';
import type { Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { CallFeedbackRepository } from './call-feedback.repository.js';
import type { CallFilter, CallListArgs, StatsGroup } from './call-filter.js';
import { CallRepository, type CallStatsRow } from './call.repository.js';
import type { CallBodies, CallEntity, CallFeedbackEntity } from './call.entity.js';

/** A call with all that is kept of it. */
export type WholeCall = CallEntity & CallBodies & { feedback: CallFeedbackEntity[] };

/** Calls read at once: each may hold a megabyte. */
const READ_BATCH = 100;
const STATS_DAYS = 7;
const DAY_MS = 86_400_000;

/** The log of calls, to be read. */
@Injectable()
export class CallService {
  /** By id; undefined for one that is not there. */
  readonly load = batched(async (ctx, ids: readonly string[]) => byId(await this.calls.findByIds(ctx, ids)));
  /** What was asked and answered. */
  readonly loadBodies = batched(async (ctx, ids: readonly string[]) => byId(await this.calls.bodies(ctx, ids)));

  constructor(
    private readonly calls: CallRepository,
    private readonly feedback: CallFeedbackRepository,
  ) {}

  /** @throws DomainError not_found. */
  async find(ctx: RequestContext, id: string): Promise<CallEntity> {
    const call = await this.calls.find(ctx, id);
    if (!call) throw notFound('call', id, 'It is in the log about a second after it has ended, if the project logs its calls (query callLogging).');
    return call;
  }

  list(ctx: RequestContext, args: CallListArgs): Promise<Page<CallEntity>> {
    return this.calls.list(ctx, args);
  }

  /** Sums and percentiles by group; of the last seven days unless the filter says since when. */
  stats(ctx: RequestContext, filter: CallFilter, group: StatsGroup): Promise<CallStatsRow[]> {
    return this.calls.stats(ctx, { ...filter, since: filter.since ?? new Date(Date.now() - STATS_DAYS * DAY_MS) }, group);
  }

  /** All calls of a filter, newest first, some at a time: in constant memory. */
  async *pages(ctx: RequestContext, filter: CallFilter): AsyncGenerator<WholeCall[]> {
    for (let after: string | null = null; ;) {
      const page = await this.calls.list(ctx, { filter, first: READ_BATCH, after });
      yield await this.whole(ctx, page.nodes);
      if (!page.pageInfo.hasNextPage) return;
      after = page.pageInfo.endCursor;
    }
  }

  /** Calls with all that is kept of them, in their order. */
  async whole(ctx: RequestContext, calls: readonly CallEntity[]): Promise<WholeCall[]> {
    if (calls.length === 0) return [];
    const ids = calls.map(({ id }) => id);
    const bodies = byId(await this.calls.bodies(ctx, calls.filter(({ logged }) => logged === 'full').map(({ id }) => id)));
    const judged = byParent(ids, await this.feedback.on(ctx, ids), ({ callId }) => callId);
    return calls.map((call) => {
      const { variables = null, request = null, answer = null } = bodies.get(call.id) ?? {};
      return { ...call, variables, request, answer, feedback: judged.get(call.id)! };
    });
  }

  findByIds(ctx: RequestContext, ids: readonly string[]): Promise<CallEntity[]> {
    return this.calls.findByIds(ctx, ids);
  }
}
