import { Inject, Injectable } from '@nestjs/common';
import { LIMIT_NAMES, type Limits } from '../common/limits.js';
import type { RequestContext } from '../common/request-context.js';
import { CONFIG, type Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { Notifications } from '../database/notifications.js';
import { Remembered } from '../database/remembered.js';
import { type Bucket, MICROS, monthOf } from './buckets.js';
import { LimitsRepository } from './limits.repository.js';

/** Another process' change of limits is known by its notice; this is for what Postgres knows to be spent. */
const FRESH_MS = 10_000;

/** What holds for a principal in its project. */
export interface LimitPolicy {
  project: Limits;
  /** Null for a principal that is no API key. */
  key: Limits | null;
  /** Buckets of which every request takes one. */
  requests: readonly Bucket[];
  /** Buckets of a request that spends tokens: tokens and budget. */
  spending: readonly Bucket[];
  /** When the month of its budgets ends, milliseconds since 1970. */
  endsAt: number;
}

export const keyIdOf = ({ principal }: Pick<RequestContext, 'principal'>): string | null => (principal.startsWith('key:') ? principal.slice('key:'.length) : null);

/** Limits by principal, kept in memory so that a request without any costs nothing. */
@Injectable()
export class LimitPolicies {
  private readonly policies: Remembered<LimitPolicy>;
  private readonly defaults: Limits;

  constructor(
    private readonly repository: LimitsRepository,
    database: Database,
    notifications: Notifications,
    @Inject(CONFIG) config: Config,
  ) {
    this.policies = new Remembered(database, notifications, { topic: 'limits', freshMs: FRESH_MS, max: 10_000 });
    this.defaults = {
      requestsPerMinute: config.TRIAD_LIMIT_REQUESTS_PER_MINUTE, tokensPerMinute: config.TRIAD_LIMIT_TOKENS_PER_MINUTE,
      concurrentJobs: config.TRIAD_LIMIT_CONCURRENT_JOBS, storageBytes: config.TRIAD_LIMIT_STORAGE_BYTES, budget: config.TRIAD_LIMIT_BUDGET,
    };
  }

  /** What holds, when it is in memory. */
  known(ctx: RequestContext): LimitPolicy | undefined {
    const policy = this.policies.peek(ctx.projectId, ctx.principal);
    return policy && Date.now() < policy.endsAt ? policy : undefined;
  }

  async of(ctx: RequestContext): Promise<LimitPolicy> {
    const policy = (await this.policies.get(ctx.projectId, ctx.principal, () => this.load(ctx)))!;
    return Date.now() < policy.endsAt ? policy : this.load(ctx); // one of the last month
  }

  /** Tells all processes, in the transaction that changes limits of a project. */
  changed(tx: RequestContext, projectId?: string): Promise<void> {
    return this.policies.changed(tx, projectId);
  }

  private async load(ctx: RequestContext): Promise<LimitPolicy> {
    const keyId = keyIdOf(ctx);
    const stored = await this.repository.stored(ctx.projectId, keyId);
    const project = effective(stored.project, this.defaults);
    const key = keyId === null ? null : effective(stored.key, {});
    const month = monthOf(new Date());
    const spent = project.budget != null || key?.budget != null ? await this.repository.spent(ctx.projectId, keyId, month.startsAt) : { project: 0, key: 0 };
    const prefix = `triad:limits:{${ctx.projectId}}`;
    const buckets = [...bucketsOf('project', prefix, project, spent.project, month), ...(key ? bucketsOf('key', `${prefix}:${keyId}`, key, spent.key, month) : [])];
    return { project, key, requests: buckets.filter(({ counts }) => counts === 'requests'), spending: buckets.filter(({ counts }) => counts !== 'requests'), endsAt: month.endsAt.getTime() };
  }
}

/** Without those that do not limit. */
function effective(stored: Limits | null, defaults: Limits): Limits {
  const limits = LIMIT_NAMES.map((name) => [name, stored?.[name] ?? defaults[name] ?? 0] as const);
  return Object.fromEntries(limits.filter(([, limit]) => limit > 0));
}

function bucketsOf(of: Bucket['of'], prefix: string, limits: Limits, spent: number, month: ReturnType<typeof monthOf>): Bucket[] {
  const rate = (counts: 'requests' | 'tokens', limit: number | null | undefined): Bucket[] =>
    (limit == null ? [] : [{ key: `${prefix}:${counts}`, of, counts, limit, cost: 1, floor: 0, endsAt: 0 }]);
  const budget: Bucket[] = limits.budget == null ? []
    : [{ key: `${prefix}:budget:${month.name}`, of, counts: 'budget', limit: Math.round(limits.budget * MICROS), cost: 0, floor: spent, endsAt: month.endsAt.getTime() }];
  return [...rate('requests', limits.requestsPerMinute), ...rate('tokens', limits.tokensPerMinute), ...budget];
}
