import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { LIMIT_NAMES, type Limits } from '../common/limits.js';
import type { RequestContext } from '../common/request-context.js';
import { CONFIG, type Config } from '../config/config.js';
import { Notifications } from '../database/notifications.js';
import { type Bucket, MICROS, monthOf } from './buckets.js';
import { LimitsRepository } from './limits.repository.js';

/** Another process' change of limits is known by its notice; this is for what Postgres knows to be spent. */
const FRESH_MS = 10_000;
export const LIMITS_TOPIC = 'limits';

/** What holds for a principal in its project. */
export interface LimitPolicy {
  project: Limits;
  /** Null for a principal that is no API key. */
  key: Limits | null;
  /** Buckets of which every request takes one. */
  requests: readonly Bucket[];
  /** Buckets of a request that spends tokens: tokens and budget. */
  spending: readonly Bucket[];
}

export const keyIdOf = ({ principal }: Pick<RequestContext, 'principal'>): string | null => (principal.startsWith('key:') ? principal.slice('key:'.length) : null);

/** Limits by principal, kept in memory so that a request without any costs nothing. */
@Injectable()
export class LimitPolicies implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(LimitPolicies.name);
  private readonly stopping = new AbortController();
  private readonly policies = new LRUCache<string, LimitPolicy>({ max: 10_000, ttl: FRESH_MS });
  private readonly defaults: Limits;
  /** Raised when limits changed: what was read before is not kept. */
  private epoch = 0;

  constructor(
    private readonly repository: LimitsRepository,
    private readonly notifications: Notifications,
    @Inject(CONFIG) config: Config,
  ) {
    this.defaults = {
      requestsPerMinute: config.TRIAD_LIMIT_REQUESTS_PER_MINUTE, tokensPerMinute: config.TRIAD_LIMIT_TOKENS_PER_MINUTE,
      concurrentJobs: config.TRIAD_LIMIT_CONCURRENT_JOBS, storageBytes: config.TRIAD_LIMIT_STORAGE_BYTES, budget: config.TRIAD_LIMIT_BUDGET,
    };
  }

  onApplicationBootstrap(): void {
    this.forgetWhenTold().catch((error: unknown) => this.logger.error(`Changed limits are seen after ${FRESH_MS / 1000} s only: ${String(error)}`));
  }

  onModuleDestroy(): void {
    this.stopping.abort();
  }

  /** What holds, when it is in memory. */
  known(ctx: RequestContext): LimitPolicy | undefined {
    return this.policies.get(`${ctx.projectId} ${ctx.principal}`);
  }

  async of(ctx: RequestContext): Promise<LimitPolicy> {
    const known = this.known(ctx);
    if (known) return known;
    const { epoch } = this;
    const policy = await this.load(ctx);
    if (epoch !== this.epoch) return policy;
    // Of a budget's last seconds the next month must not get to know.
    this.policies.set(`${ctx.projectId} ${ctx.principal}`, policy, { ttl: Math.max(1, Math.min(FRESH_MS, monthOf(new Date()).endsAt.getTime() - Date.now())) });
    return policy;
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
    return { project, key, requests: buckets.filter(({ counts }) => counts === 'requests'), spending: buckets.filter(({ counts }) => counts !== 'requests') };
  }

  private async forgetWhenTold(): Promise<void> {
    for await (const _ of this.notifications.watch(LIMITS_TOPIC, this.stopping.signal)) {
      this.epoch += 1;
      this.policies.clear();
    }
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
