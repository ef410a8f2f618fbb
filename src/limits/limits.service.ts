import { Injectable } from '@nestjs/common';
import { DomainError, notFound } from '../common/errors.js';
import { LIMIT_NAMES, type LimitName, type Limits } from '../common/limits.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { type Bucket, type BucketState, MICROS, monthOf } from './buckets.js';
import { keyIdOf, LimitPolicies } from './limit-policies.js';
import { LimiterService } from './limiter.service.js';
import { LimitsRepository } from './limits.repository.js';
import type { LimitsReport, LimitUsage } from './limits.types.js';

type State = BucketState & { bucket: Bucket };

/** Sets limits, and tells what is used of them. */
@Injectable()
export class LimitsService {
  constructor(
    private readonly database: Database,
    private readonly repository: LimitsRepository,
    private readonly policies: LimitPolicies,
    private readonly limiter: LimiterService,
  ) {}

  /**
   * Sets all limits of a project, as the platform; all processes know at once.
   * @throws DomainError not_found.
   */
  setProjectLimits(ctx: RequestContext, projectId: string, limits: Limits): Promise<Limits> {
    return this.database.platformTransaction(ctx, async (tx) => {
      if (!(await this.repository.setProjectLimits(tx, projectId, limits))) throw notFound('project', projectId);
      await this.policies.changed(tx, projectId);
      return limits;
    });
  }

  /**
   * A platform key's are set by such keys only, as everything of theirs.
   * @throws DomainError not_found; forbidden.
   */
  setKeyLimits(ctx: RequestContext, id: string, limits: Limits): Promise<Limits> {
    return this.database.transaction(ctx, async (tx) => {
      const key = await this.repository.findKey(tx, id);
      if (!key) throw notFound('API key', id);
      if (key.platform && !tx.platform) throw new DomainError('forbidden', `${id} is a platform key; only a platform key may manage it.`, 'id');
      await this.repository.setKeyLimits(tx, id, limits);
      await this.policies.changed(tx);
      return limits;
    });
  }

  async report(ctx: RequestContext): Promise<LimitsReport> {
    const policy = await this.policies.of(ctx);
    const month = monthOf(new Date());
    const buckets = [...policy.requests, ...policy.spending].map((bucket) => ({ ...bucket, cost: 0 }));
    const taken = buckets.length > 0 ? await this.limiter.take(buckets) : { states: [] };
    const states = taken.states.map((state, index) => ({ ...state, bucket: buckets[index]! }));
    const { promptTokens, completionTokens, costMicros } = await this.repository.monthly(ctx, month.startsAt);
    const spent = await this.repository.spent(ctx.projectId, keyIdOf(ctx), month.startsAt, ctx);
    const [project, key] = await Promise.all([
      this.usageOf(ctx, policy.project, null, states.filter(({ bucket }) => bucket.of === 'project'), spent.project),
      policy.key ? this.usageOf(ctx, policy.key, ctx.principal, states.filter(({ bucket }) => bucket.of === 'key'), spent.key) : [],
    ]);
    return { project, key, promptTokens, completionTokens, cost: costMicros / MICROS };
  }

  private async usageOf(ctx: RequestContext, limits: Limits, principal: string | null, states: State[], spentMicros: number): Promise<LimitUsage[]> {
    const counted: Partial<Record<LimitName, number>> = {
      concurrentJobs: await this.repository.runs(ctx, principal), storageBytes: await this.repository.storage(ctx, principal), budget: spentMicros / MICROS,
    };
    return LIMIT_NAMES.map((name) => {
      const state = states.find(({ bucket }) => nameOf(bucket) === name);
      const scale = name === 'budget' ? MICROS : 1;
      return {
        name, limit: limits[name] ?? null,
        used: state ? (state.bucket.limit - state.remaining) / scale : counted[name] ?? null,
        resetsAt: state ? new Date(Date.now() + state.resetMs) : null,
      };
    });
  }
}

const nameOf = ({ counts }: Bucket): LimitName => (counts === 'budget' ? 'budget' : counts === 'tokens' ? 'tokensPerMinute' : 'requestsPerMinute');
