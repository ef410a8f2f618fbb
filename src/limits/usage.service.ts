import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import { MICROS, monthOf } from './buckets.js';
import { keyIdOf } from './limit-policies.js';
import { LimitsRepository } from './limits.repository.js';
import type { UsageMonthEntity } from './usage.entity.js';

const FLUSH_MS = 1_000;

export interface Usage {
  promptTokens: number;
  completionTokens: number;
  /** In the currency of the configured prices. */
  cost: number;
}

/**
 * Adds up what is used, and writes it to Postgres once a second: a request does not wait for it, and a process that is
 * killed loses a second of it.
 */
@Injectable()
export class UsageService implements OnModuleDestroy {
  private readonly logger = new Logger(UsageService.name);
  private pending = new Map<string, UsageMonthEntity>();
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly repository: LimitsRepository) {}

  async onModuleDestroy(): Promise<void> {
    if (this.timer) clearTimeout(this.timer);
    await this.flush();
  }

  add(ctx: RequestContext, usage: Usage): void {
    this.addRow(rowOf(ctx.projectId, ctx.principal, usage));
  }

  /** Writes what a run used, in the transaction that ends it. @param principal who created the run */
  charge(tx: RequestContext, principal: string, usage: Usage): Promise<void> {
    return this.repository.addUsage([rowOf(tx.projectId, principal, usage)], tx);
  }

  /** Writes what is pending; what cannot be written stays pending. */
  async flush(): Promise<void> {
    this.timer = null;
    const rows = [...this.pending.values()];
    this.pending = new Map();
    if (rows.length === 0) return;
    await this.repository.addUsage(rows).catch((error: unknown) => {
      this.logger.warn(`Usage is not written yet: ${(error as Error).message}`);
      rows.forEach((row) => this.addRow(row));
    });
  }

  private addRow(row: UsageMonthEntity): void {
    const key = `${row.projectId} ${row.keyId} ${row.month}`;
    const sum = this.pending.get(key);
    if (!sum) this.pending.set(key, row);
    else {
      sum.promptTokens += row.promptTokens;
      sum.completionTokens += row.completionTokens;
      sum.costMicros += row.costMicros;
    }
    this.timer ??= setTimeout(() => void this.flush(), FLUSH_MS).unref();
  }
}

function rowOf(projectId: string, principal: string, { promptTokens, completionTokens, cost }: Usage): UsageMonthEntity {
  const month = monthOf(new Date()).startsAt.toISOString().slice(0, 10);
  return { projectId, keyId: keyIdOf({ principal }) ?? '', month, promptTokens, completionTokens, costMicros: Math.round(cost * MICROS) };
}
