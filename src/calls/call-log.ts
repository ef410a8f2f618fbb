import { type BeforeApplicationShutdown, Inject, Injectable, Logger } from '@nestjs/common';
import { createHmac } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { CONFIG, type Config } from '../config/config.js';
import { callsBuffered, callsDropped, callsWritten } from '../observability/metrics.js';
import { withinBounds } from './call-bounds.js';
import type { CallLogging, CallRecord } from './call-record.js';
import { CallRowsRepository, isRefused } from './call-rows.repository.js';
import { type CallSettings, CallSettingsService } from './call-settings.service.js';
import { LATER, Pass, type Prepared, type Task } from './call-pass.js';
import { bareRowOf, needsWork, plainRowOf, rowOf, sizeOf } from './call-row.js';

/** How long a call waits for others to be written with. */
const FLUSH_MS = 250;
/** Rows of a statement, and characters: whichever is reached first. */
const BATCH_ROWS = 1_000;
const BATCH_CHARACTERS = 2_000_000;
const RETRY_MS = 1_000;
/** How long a process that ends waits for the rest to be written. */
const DRAIN_MS = 5_000;

/** `texts`: the call is in the log without them. */
const dropped = { texts: callsDropped.labels('texts'), buffer_full: callsDropped.labels('buffer_full'), refused: callsDropped.labels('refused'), shutdown: callsDropped.labels('shutdown') };

/**
 * Writes calls to Postgres in batches: who adds one waits for nothing. Memory is bounded in rows and bytes; when it is full
 * the newest calls are dropped and counted, so that what led to an outage stays. A process that is killed loses what it holds.
 */
@Injectable()
export class CallLog implements BeforeApplicationShutdown {
  private readonly logger = new Logger(CallLog.name);
  private queue: CallRecord[] = [];
  private sizes: number[] = [];
  /** How many the last pass put off to the next. */
  private postponed = 0;
  /** Those in the queue, and those being written. */
  private held = { rows: 0, bytes: 0 };
  private timer: NodeJS.Timeout | null = null;
  private writing: Promise<void> | null = null;
  private readonly closing = new AbortController();
  private closed = false;

  constructor(
    private readonly settings: CallSettingsService,
    private readonly rows: CallRowsRepository,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** How much of its calls a project keeps; `metadata` until that is known. */
  modeOf(projectId: string): CallLogging {
    return this.settings.modeOf(projectId);
  }

  /** Waits until the project's mode is known, or cannot be known now; undefined when it is. */
  ready(projectId: string): Promise<void> | undefined {
    const known = this.settings.of(projectId);
    return known instanceof Promise ? known.then(() => undefined, () => undefined) : undefined;
  }

  /** Takes a call that has ended; it is not to be changed any more. Never throws, and waits for nothing. */
  add(given: CallRecord): void {
    const record = withinBounds(given, (key) => this.pseudonym(given.projectId, key));
    const bytes = sizeOf(record);
    const { held } = this;
    if (this.closed) return dropped.shutdown.inc();
    if (held.rows >= this.config.TRIAD_CALL_LOG_BUFFER_ROWS || held.bytes + bytes > this.config.TRIAD_CALL_LOG_BUFFER_BYTES) return dropped.buffer_full.inc();
    held.rows += 1;
    held.bytes += bytes;
    this.queue.push(record);
    this.sizes.push(bytes);
    this.timer ??= setTimeout(() => void this.write(), FLUSH_MS).unref();
  }

  /** Writes what has been added so far, and waits for it, however long Postgres is away. */
  async flush(): Promise<void> {
    await this.writing;
    do await this.write(); while (this.postponed > 0 && !this.closed);
  }

  /** After the last request and job, before the connections are closed. */
  async beforeApplicationShutdown(): Promise<void> {
    this.closing.abort();
    await Promise.race([this.flush(), wait(DRAIN_MS, undefined, { ref: false })]);
    this.closed = true;
    if (this.held.rows === 0) return;
    dropped.shutdown.inc(this.held.rows);
    this.logger.warn(`${this.held.rows} calls were not written to the log before the process ended.`);
  }

  /** One batch after the other; what is added meanwhile waits for its own time. */
  private write(): Promise<void> {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    return this.writing ??= this.writeQueue().finally(() => {
      this.writing = null;
      if (this.queue.length > 0) this.timer ??= setTimeout(() => void this.write(), FLUSH_MS).unref();
    });
  }

  private async writeQueue(): Promise<void> {
    const { queue, sizes } = this;
    [this.queue, this.sizes, this.postponed] = [[], [], 0];
    const pass = new Pass();
    let batch: string[] = [];
    let [rows, bytes, characters] = [0, 0, 0];
    for (let index = 0; index < queue.length; index += 1) {
      const record = queue[index]!;
      const preparing = this.prepare(record, pass);
      const row = preparing instanceof Promise ? await preparing : preparing;
      queue[index] = undefined!; // the row is enough; what was asked and answered may go
      if (row === LATER) this.postpone(record, sizes[index]!);
      else [rows, bytes] = [rows + 1, bytes + sizes[index]!];
      if (typeof row === 'string') characters += batch.push(row) && row.length;
      if (index + 1 < queue.length && batch.length < BATCH_ROWS && characters < BATCH_CHARACTERS) continue;
      if (batch.length > 0) await this.untilDone(() => this.insert(batch));
      if (this.closed) return;
      this.held.rows -= rows;
      this.held.bytes -= bytes;
      batch = [];
      [rows, bytes, characters] = [0, 0, 0];
      callsBuffered.set(this.held.rows);
    }
  }

  private postpone(record: CallRecord, bytes: number): void {
    this.postponed += 1;
    this.queue.push(record);
    this.sizes.push(bytes);
  }

  /** Sync where nothing takes long. */
  private prepare(record: CallRecord, pass: Pass): Prepared | Promise<Prepared> {
    try {
      const settings = this.settings.of(record.projectId);
      if (!(settings instanceof Promise)) return pass.isOver() ? this.prepareInTime(record, pass) : this.rowOf(record, settings, pass);
      settings.catch(() => undefined); // it is asked for again until it is known
      return this.prepareInTime(record, pass);
    } catch (error) {
      return this.refuse(record, error);
    }
  }

  private async prepareInTime(record: CallRecord, pass: Pass): Promise<Prepared> {
    try {
      await pass.letOthersRun();
      const settings = await this.untilDone(() => this.settings.of(record.projectId));
      return settings && await this.rowOf(record, settings, pass);
    } catch (error) {
      return this.refuse(record, error);
    }
  }

  private rowOf(record: CallRecord, settings: CallSettings, pass: Pass): Prepared | Promise<Prepared> {
    if (settings.mode === 'off') return null;
    if (!needsWork(record, settings)) return plainRowOf(record);
    const pseudonym = (key: string) => this.pseudonym(record.projectId, key);
    const bare = () => {
      dropped.texts.inc();
      return bareRowOf(record, settings, pseudonym);
    };
    if (pass.hadShare(record.projectId)) return this.isPressed() ? bare() : LATER;
    const task: Task = { projectId: record.projectId, work: rowOf(record, settings, this.config.TRIAD_CALL_LOG_BODY_LIMIT, pseudonym), bare, used: 0 };
    return pass.run(task) ?? pass.finish(task).catch((error: unknown) => this.refuse(record, error));
  }

  /** Whether what is postponed would soon take the place of others' calls, or be lost. */
  private isPressed(): boolean {
    const { TRIAD_CALL_LOG_BUFFER_ROWS: rows, TRIAD_CALL_LOG_BUFFER_BYTES: bytes } = this.config;
    return this.closing.signal.aborted || this.held.rows > rows / 2 || this.held.bytes > bytes / 2;
  }

  private refuse(record: CallRecord, error: unknown): null {
    dropped.refused.inc();
    this.logger.error(`A call cannot be written to the log (${String(error)}): ${record.id}`);
    return null;
  }

  /** The same for the same key of a project; nobody without the server's secret can tell whose it is, or try names out. */
  private pseudonym(projectId: string, key: string): string {
    return createHmac('sha256', this.config.TRIAD_SECRET_KEY).update(`sticky key ${projectId} ${key}`).digest('base64url').slice(0, 16);
  }

  /** A row that Postgres refuses is found by halves, so that the others are written. */
  private async insert(batch: string[]): Promise<void> {
    try {
      await this.rows.insert(batch);
      callsWritten.inc(batch.length);
    } catch (error) {
      if (!isRefused(error)) throw error;
      if (batch.length > 1) {
        const half = batch.length >> 1;
        await this.untilDone(() => this.insert(batch.slice(0, half)));
        await this.untilDone(() => this.insert(batch.slice(half)));
        return;
      }
      dropped.refused.inc();
      this.logger.error(`A call is not in the log, since Postgres refuses it (${error.message}): ${idOf(batch[0]!)}`);
    }
  }

  /** Tries until it is done: what fails is Postgres. @returns null when the process ended first. */
  private async untilDone<T>(work: () => T | Promise<T>): Promise<T | null> {
    for (let failures = 0; !this.closed; failures += 1) {
      try {
        return await work();
      } catch (error) {
        if (failures === 0) this.logger.warn(`Calls are not written yet: ${(error as Error).message}`);
        callsBuffered.set(this.held.rows);
        await wait(this.closing.signal.aborted ? RETRY_MS / 10 : RETRY_MS, undefined, { ref: false, signal: this.closing.signal.aborted ? undefined : this.closing.signal }).catch(() => undefined);
      }
    }
    return null;
  }
}

const idOf = (row: string): string => (JSON.parse(row) as { id: string }).id;
