import { Inject, Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { DomainError } from '../common/errors.js';
import type { RequestContext } from '../common/request-context.js';
import { CONFIG, type Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { Notifications } from '../database/notifications.js';
import { Remembered } from '../database/remembered.js';
import type { CallLogging } from './call-record.js';
import { CallSettingsRepository } from './call-settings.repository.js';
import type { Redaction } from './call.entity.js';
import { checkRedactions, findersOf, type RedactionInput } from './redactions.js';

export interface CallSettings {
  mode: CallLogging;
  /** Days that calls are kept. */
  retentionDays: number;
  redactions: Redaction[];
  /** The redactions, ready to be applied. */
  finders: ReturnType<typeof findersOf>;
}

/** Other processes' changes are known by notices. */
const FRESH_MS = 5_000;
const KEY = 'settings';
const MAX_DAYS = 3_650;

/** How projects log their calls, in memory: the hot path asks for each call. */
@Injectable()
export class CallSettingsService {
  private readonly logger = new Logger(CallSettingsService.name);
  private readonly remembered: Remembered<CallSettings>;
  /** What stands while a value is read anew. */
  private readonly last = new LRUCache<string, CallLogging>({ max: 10_000 });

  constructor(
    private readonly database: Database,
    private readonly settings: CallSettingsRepository,
    notifications: Notifications,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.remembered = new Remembered(database, notifications, { topic: 'call-settings', freshMs: FRESH_MS, max: 10_000 });
  }

  /** Sync: what is known, and `metadata` until something is. The writer of the log looks again, and waits for it. */
  modeOf(projectId: string): CallLogging {
    const known = this.remembered.peek(projectId, KEY);
    if (known) return known.mode;
    const found = this.of(projectId);
    if (!(found instanceof Promise)) return found.mode;
    found.catch((error: unknown) => this.logger.debug(`How ${projectId} logs its calls is not known: ${String(error)}`));
    return this.last.get(projectId) ?? 'metadata';
  }

  /** What holds; sync when it is known. */
  of(projectId: string): CallSettings | Promise<CallSettings> {
    return this.remembered.get(projectId, KEY, () => this.load(projectId)) as CallSettings | Promise<CallSettings>;
  }

  /** The caller's own. */
  async find(ctx: RequestContext): Promise<CallSettings> {
    return this.load(ctx.projectId, ctx);
  }

  /**
   * Says how calls are logged from now on; all processes know at once.
   * @param retentionDays null: the server's default
   * @throws DomainError bad_input for a pattern that is none, or days out of range.
   */
  async set(ctx: RequestContext, input: { mode: CallLogging; retentionDays?: number | null; redactions: RedactionInput[] }): Promise<CallSettings> {
    const redactions = checkRedactions(input.redactions);
    const { retentionDays = null } = input;
    if (retentionDays !== null && !(retentionDays >= 1 && retentionDays <= MAX_DAYS)) {
      throw new DomainError('bad_input', `retentionDays is 1 to ${MAX_DAYS}, not ${retentionDays}.`, 'retentionDays');
    }
    return this.database.transaction(ctx, async (tx) => {
      await this.settings.save(tx, { mode: input.mode, retentionDays, redactions });
      await this.remembered.changed(tx);
      return this.load(tx.projectId, tx);
    });
  }

  private async load(projectId: string, ctx?: RequestContext): Promise<CallSettings> {
    const stored = await this.settings.find(projectId, ctx);
    const redactions = stored?.redactions ?? [];
    const mode = stored?.mode ?? this.config.TRIAD_CALL_LOGGING;
    if (!ctx) this.last.set(projectId, mode);
    return { mode, retentionDays: stored?.retentionDays ?? this.config.TRIAD_CALLS_KEPT_DAYS, redactions, finders: findersOf(redactions) };
  }
}
