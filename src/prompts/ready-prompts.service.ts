import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { Notifications } from '../database/notifications.js';
import { Remembered } from '../database/remembered.js';
import type { PromptVersionEntity } from './prompt.entity.js';
import { PromptIncludesService } from './prompt-includes.service.js';
import { type CompiledVersion, compileVersion, type ReadyPrompt, readyPrompt } from './ready-prompt.js';

/** Versions whose templates are kept parsed; they never change. */
const MAX_COMPILED = 2_000;
const MAX_READY = 10_000;

/**
 * Prompts ready to be rendered. By label they are right at once in the process that moved it, by NOTIFY elsewhere, within
 * a second in any case; while Postgres is away they stay as they were.
 */
@Injectable()
export class ReadyPromptsService {
  private readonly remembered: Remembered<ReadyPrompt>;
  private readonly compiled = new LRUCache<string, CompiledVersion>({ max: MAX_COMPILED });

  constructor(
    database: Database,
    notifications: Notifications,
    private readonly includes: PromptIncludesService,
  ) {
    this.remembered = new Remembered(database, notifications, { topic: 'prompts', freshMs: 1_000, max: MAX_READY });
  }

  /**
   * @param reference `name/3` or `name@label`
   * @param find reads the version that it stands for
   */
  get(ctx: RequestContext, reference: string, find: () => Promise<PromptVersionEntity>): ReadyPrompt | Promise<ReadyPrompt> {
    const load = async () => this.of(ctx, await find());
    // What a transaction has not committed is nobody else's.
    return ctx.tx ? load() : this.remembered.get(ctx.projectId, reference, load) as ReadyPrompt | Promise<ReadyPrompt>;
  }

  /** @param pins as in `ReadyPrompt` */
  async of(ctx: RequestContext, version: PromptVersionEntity, pins: Record<string, string> = {}): Promise<ReadyPrompt> {
    const included = version.includes.length === 0 ? new Map<string, PromptVersionEntity>() : await this.includes.closure(ctx, version, pins);
    return readyPrompt(this.compile(version), new Map(Array.from(included, ([reference, each]) => [reference, this.compile(each)])));
  }

  /** In the transaction that makes a version, moves a label, or changes in any other way what a name stands for. */
  changed(tx: RequestContext): Promise<void> {
    return this.remembered.changed(tx);
  }

  private compile(version: PromptVersionEntity): CompiledVersion {
    let compiled = this.compiled.get(version.id);
    if (!compiled) this.compiled.set(version.id, compiled = compileVersion(version));
    return compiled;
  }
}
