import { Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import type { RequestContext } from '../common/request-context.js';
import { MICROS, monthOf } from './buckets.js';
import { keyIdOf, LimitPolicies } from './limit-policies.js';
import { LimitsRepository } from './limits.repository.js';

interface Quota {
  whose: string;
  raise: string;
  limit: number;
  /** Whose rows count; null: the whole project's. */
  principal: string | null;
}

/** Limits on what there is at one time, counted in Postgres. Without a limit nothing is counted. */
@Injectable()
export class QuotaService {
  constructor(
    private readonly policies: LimitPolicies,
    private readonly repository: LimitsRepository,
  ) {}

  /**
   * Room for one more fine-tune job or evaluation run, and money for it. In the transaction that creates it: until that
   * ends no other of the project is let through.
   * @throws DomainError quota_exceeded, insufficient_quota.
   */
  async holdRun(tx: RequestContext): Promise<void> {
    await this.assertBudget(tx);
    const quotas = await this.quotas(tx, 'concurrentJobs');
    if (quotas.length > 0) await this.repository.lock(tx, 'runs');
    for (const { whose, raise, limit, principal } of quotas) {
      const used = await this.repository.runs(tx, principal);
      if (used >= limit) {
        throw new DomainError('quota_exceeded', `${whose} has ${used} fine-tune jobs and evaluation runs that are not over, of ${limit} allowed at a time. Wait until one ends, or cancel one. ${raise}.`);
      }
    }
  }

  /**
   * Room for bytes that are about to become known; as `holdRun`.
   * @throws DomainError quota_exceeded.
   */
  async holdStorage(tx: RequestContext, bytes: number): Promise<void> {
    const quotas = await this.quotas(tx, 'storageBytes');
    if (quotas.length > 0) await this.repository.lock(tx, 'storage');
    await this.assertRoom(tx, quotas, bytes);
  }

  /** The same before anything is received, without holding the room. @throws DomainError quota_exceeded. */
  async assertStorage(ctx: RequestContext, bytes: number): Promise<void> {
    await this.assertRoom(ctx, await this.quotas(ctx, 'storageBytes'), bytes);
  }

  private async assertRoom(ctx: RequestContext, quotas: Quota[], bytes: number): Promise<void> {
    for (const { whose, raise, limit, principal } of quotas) {
      const used = await this.repository.storage(ctx, principal);
      if (used + bytes > limit) {
        throw new DomainError('quota_exceeded', `${whose} stores ${used} bytes of ${limit} allowed; ${bytes} more do not fit. Delete files that no data set was made from. ${raise}.`, 'file');
      }
    }
  }

  private async assertBudget(ctx: RequestContext): Promise<void> {
    const quotas = await this.quotas(ctx, 'budget');
    if (quotas.length === 0) return;
    const { startsAt, endsAt } = monthOf(new Date());
    const spent = await this.repository.spent(ctx.projectId, keyIdOf(ctx), startsAt, ctx);
    for (const { whose, raise, limit, principal } of quotas) {
      const used = (principal === null ? spent.project : spent.key) / MICROS;
      if (used >= limit) {
        throw new DomainError('insufficient_quota', `${whose} has spent ${used} of its budget of ${limit} for this month. ${raise}; it starts anew on ${endsAt.toISOString().slice(0, 10)}.`);
      }
    }
  }

  private async quotas(ctx: RequestContext, name: 'concurrentJobs' | 'storageBytes' | 'budget'): Promise<Quota[]> {
    const { project, key } = await this.policies.of(ctx);
    return [
      ...(project[name] == null ? [] : [{ whose: 'This project', raise: 'The operator raises it with setProjectLimits', limit: project[name], principal: null }]),
      ...(key?.[name] == null ? [] : [{ whose: 'This API key', raise: 'An admin raises it with setApiKeyLimits', limit: key[name], principal: ctx.principal }]),
    ];
  }
}
