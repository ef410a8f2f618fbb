import { Inject, Injectable, Logger } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { deserialize, serialize } from 'node:v8';
import { DomainError } from '../common/errors.js';
import { asDomainError } from '../common/expected-failure.js';
import { newId } from '../common/ids.js';
import { mapNodes, type Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { decryptSecret, encryptSecret } from '../common/secrets.js';
import { CONFIG, type Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { Reconciles } from '../queue/reconciles.js';
import { type AuditChangeEntity, type AuditEntryEntity, placeOfAnswer } from './command.entity.js';
import { type AuditListArgs, CommandRepository } from './command.repository.js';
import { redact } from './redaction.js';

/** A change that a caller asked for. */
export interface Command {
  /** Such as `createPromptVersion` or `DELETE /v1/files/:id`. */
  operation: string;
  arguments: Record<string, unknown>;
  /** The caller's idempotency key and, where one request holds several commands, the place of this one. */
  key: string | null;
  /** Whether its effect reaches beyond the caller's project. */
  platform?: boolean;
}

export interface Outcome<T> {
  answer: T;
  /** Whether the answer is that of an earlier command with the same key. */
  replayed: boolean;
}

export type AuditEntryWithChanges = AuditEntryEntity & { changes: AuditChangeEntity[] };

const KEY = /^[\x21-\x7e]{1,255}$/;
const TRIM = 1_000;

/** Carries out commands: effect, audit entry and kept answer are one transaction. */
@Injectable()
export class CommandService {
  private readonly logger = new Logger('Commands');

  constructor(
    private readonly database: Database,
    private readonly commands: CommandRepository,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Runs `work` in a transaction and writes down who did it. Under a key it is done once: the same command again within
   * 24 hours gets the first one's answer.
   * @throws DomainError bad_input for a key that is none; conflict while a command with the key is under way;
   *   idempotency_mismatch when the key was used with other arguments or by another principal; what `work` throws, after undoing it.
   */
  async run<T>(ctx: RequestContext, command: Command, work: (tx: RequestContext) => Promise<T>): Promise<Outcome<T>> {
    if (command.key !== null && !KEY.test(command.key)) {
      throw new DomainError('bad_input', 'An idempotency key is 1 to 255 printable ASCII characters without spaces, such as a UUID.', 'idempotencyKey');
    }
    const id = newId('aud');
    const entry = { id, operation: command.operation, arguments: redact(command.arguments) as object };
    try {
      return await this.transaction(ctx, command, async (tx) => {
        const known = command.key === null ? null : await this.knownAnswer<T>(tx, command, command.key);
        if (known) {
          await this.commands.addEntry(tx, { ...entry, outcome: 'replayed' });
          return known;
        }
        await this.commands.watchChanges(tx, id);
        const answer = await work(tx);
        if (command.key !== null) await this.keep(tx, command, command.key, answer);
        await this.commands.addEntry(tx, { ...entry, outcome: 'ok' });
        return { answer, replayed: false };
      });
    } catch (error) {
      await this.commands.addEntry(ctx, { ...entry, outcome: asDomainError(error)?.code ?? 'internal' })
        .catch((reason: unknown) => this.logger.error(`The failure of ${command.operation} (${ctx.requestId}) could not be written to the audit trail: ${String(reason)}`));
      throw error;
    }
  }

  /** The audit trail. */
  async audit(ctx: RequestContext, args: AuditListArgs): Promise<Page<AuditEntryWithChanges>> {
    const page = await this.commands.listEntries(ctx, args);
    const changes = await this.commands.changesOf(ctx, page.nodes.map((entry) => entry.id));
    return mapNodes(page, (entry) => ({ ...entry, changes: changes.filter((change) => change.entryId === entry.id) }));
  }

  /** Forgets answers that are kept no longer. */
  @Reconciles()
  forgetOldAnswers(): Promise<number> {
    return this.commands.removeOldKeys(TRIM);
  }

  private transaction<T>(ctx: RequestContext, { platform }: Command, work: (tx: RequestContext) => Promise<T>): Promise<T> {
    return platform ? this.database.platformTransaction(ctx, work) : this.database.transaction(ctx, work);
  }

  private async knownAnswer<T>(tx: RequestContext, command: Command, key: string): Promise<Outcome<T> | null> {
    if (!await this.commands.lockKey(tx, key)) {
      throw new DomainError('conflict', `A command with the idempotency key ${JSON.stringify(key)} is under way. Ask again in a moment, with the same key.`, 'idempotencyKey');
    }
    const known = await this.commands.findKey(tx, key);
    if (!known) return null;
    if (known.fingerprint !== fingerprintOf(tx, command)) {
      throw new DomainError('idempotency_mismatch', `The idempotency key ${JSON.stringify(key)} was used for another command, with other arguments, or by another caller. Take a new key for a new command.`, 'idempotencyKey');
    }
    const bytes = Buffer.from(decryptSecret(this.config, placeOfAnswer(known), known.encryptedAnswer), 'base64');
    return { answer: deserialize(bytes) as T, replayed: true };
  }

  private async keep(tx: RequestContext, command: Command, key: string, answer: unknown): Promise<void> {
    const encryptedAnswer = encryptSecret(this.config, placeOfAnswer({ projectId: tx.projectId, key }), serialize(answer).toString('base64'));
    await this.commands.addKey(tx, { key, fingerprint: fingerprintOf(tx, command), encryptedAnswer });
  }
}

/** The same for the same caller and arguments, in whatever order their fields were given. */
function fingerprintOf({ principal }: RequestContext, { operation, arguments: given }: Command): string {
  const sorted = (value: unknown): unknown => {
    if (value === null || typeof value !== 'object' || value instanceof Date) return value;
    if (Array.isArray(value)) return value.map(sorted);
    return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, each]) => [name, sorted(each)]));
  };
  return createHash('sha256').update(JSON.stringify([principal, operation, sorted(given)])).digest('hex');
}
