import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Counter } from 'prom-client';
import { QueryFailedError } from 'typeorm';
import type { RequestContext } from '../common/request-context.js';
import { bounded, MAX_MICROS, MAX_TOKENS, MICROS, monthOf } from './buckets.js';
import { keyIdOf } from './limit-policies.js';
import { LimitsRepository } from './limits.repository.js';
import type { UsageMonthEntity } from './usage.entity.js';

const FLUSH_MS = 1_000;
/** Postgres refuses the row for what is in it (a number out of range, a constraint), and would again. */
const REFUSED_DATA = /^2[23]/;

export const usageRowsDropped = new Counter({ name: 'triad_usage_rows_dropped_total', help: 'Usage of a key that Postgres refused for its data, and that is therefore not counted' });

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

  /** Writes what is pending; what cannot be written stays pending, unless Postgres refuses it for its data. */
  async flush(): Promise<void> {
    this.timer = null;
    const rows = [...this.pending.values()];
    this.pending = new Map();
    if (rows.length === 0) return;
    await this.write(rows);
  }

  /** Where one row is refused each is written by itself, so that nobody waits for another's. */
  private async write(rows: UsageMonthEntity[]): Promise<void> {
    try {
      await this.repository.addUsage(rows);
    } catch (error) {
      if (!isRefused(error)) {
        this.logger.warn(`Usage is not written yet: ${(error as Error).message}`);
        rows.forEach((row) => this.addRow(row));
      } else if (rows.length > 1) {
        for (const row of rows) await this.write([row]);
      } else {
        usageRowsDropped.inc();
        this.logger.error(`Usage is dropped, since Postgres refuses it (${error.message}): ${JSON.stringify(rows[0])}`);
      }
    }
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

function isRefused(error: unknown): error is QueryFailedError {
  return error instanceof QueryFailedError && REFUSED_DATA.test((error.driverError as { code?: string }).code ?? '');
}

function rowOf(projectId: string, principal: string, { promptTokens, completionTokens, cost }: Usage): UsageMonthEntity {
  const month = monthOf(new Date()).firstDay;
  return {
    projectId, keyId: keyIdOf({ principal }) ?? '', month,
    promptTokens: bounded(promptTokens, MAX_TOKENS), completionTokens: bounded(completionTokens, MAX_TOKENS), costMicros: bounded(cost * MICROS, MAX_MICROS),
  };
}
