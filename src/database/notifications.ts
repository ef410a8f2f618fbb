import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { EventEmitter, on } from 'node:events';
import pg from 'pg';
import type { EntityManager } from 'typeorm';
import { CONFIG, type Config } from '../config/config.js';

const CHANNEL = 'triad';
const ALL = '*';
const EACH = Symbol('EACH');

/**
 * Wake-ups across processes on Postgres LISTEN/NOTIFY. A notice commits with the rows it speaks of, and carries only a
 * topic: the reader looks at the rows. After a lost connection every watcher is woken, so that none misses a change.
 */
@Injectable()
export class Notifications implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(Notifications.name);
  private readonly emitter = new EventEmitter().setMaxListeners(0);
  private client: pg.Client | null = null;
  private closed = false;
  private retry: NodeJS.Timeout | null = null;

  constructor(@Inject(CONFIG) private readonly config: Config) {}

  async onModuleInit(): Promise<void> {
    await this.connect();
  }

  async onModuleDestroy(): Promise<void> {
    this.closed = true;
    if (this.retry) clearTimeout(this.retry);
    await this.client?.end().catch(() => undefined);
  }

  /** Sends a wake-up when the transaction commits. */
  async notify(tx: EntityManager, topic: string): Promise<void> {
    await tx.query('SELECT pg_notify($1, $2)', [CHANNEL, topic]);
  }

  /** Yields once at the start and then after each wake-up for the topic; notices that pile up meanwhile are merged. */
  async *watch(topic: string, signal?: AbortSignal): AsyncGenerator<void> {
    const merged = new EventEmitter();
    let dirty = false;
    const wake = () => {
      if (!dirty) merged.emit('wake');
      dirty = true;
    };
    const wakes = on(merged, 'wake', signal ? { signal } : {});
    this.emitter.on(topic, wake).on(ALL, wake);
    try {
      yield;
      for await (const _ of wakes) {
        dirty = false;
        yield;
      }
    } catch (error) {
      if (!signal?.aborted) throw error;
    } finally {
      this.emitter.off(topic, wake).off(ALL, wake);
    }
  }

  /** Calls `then` with the topic of each notice; with null when notices may have been missed. For as long as the process lives. */
  hear(then: (topic: string | null) => void): void {
    this.emitter.on(EACH, then);
  }

  /** Lets those who `hear` in this process know at once, before the notice comes. */
  echo(topic: string): void {
    this.emitter.emit(EACH, topic);
  }

  private async connect(): Promise<void> {
    const client = new pg.Client({ connectionString: this.config.DATABASE_URL, application_name: 'triad-listen', keepAlive: true });
    client.on('notification', ({ payload = '' }) => {
      this.emitter.emit(payload);
      this.emitter.emit(EACH, payload);
    });
    client.on('error', () => this.reconnect(client));
    client.on('end', () => this.reconnect(client));
    await client.connect();
    await client.query(`LISTEN ${CHANNEL}`);
    this.client = client;
    this.emitter.emit(ALL);
    this.emitter.emit(EACH, null);
  }

  private reconnect(lost: pg.Client): void {
    if (this.closed || this.retry || (this.client && this.client !== lost)) return;
    this.logger.warn('The notification connection to Postgres was lost; connecting again.');
    this.client = null;
    this.retry = setTimeout(() => {
      this.retry = null;
      this.connect().catch(() => this.reconnect(lost));
    }, 500);
  }
}
