import { LRUCache } from 'lru-cache';
import { asDomainError } from '../common/expected-failure.js';
import type { RequestContext } from '../common/request-context.js';
import type { Database } from './database.js';
import type { Notifications } from './notifications.js';

/** How long a caller waits for Postgres when there is a value it can have instead. */
const PATIENCE_MS = 500;
/** While Postgres is away it is asked again by one caller of each second. */
const REST_MS = 1_000;
/** A read that takes longer may never end: its connection is lost and does not know it. */
const READ_MS = 10_000;
/** How long a value outlives what it was read from while Postgres is away. */
const OUTLIVES_MS = 60 * 60_000;

export interface RememberedOptions {
  /** Of the notices that tell other processes of a change: of `changed`, and by which others tell of what it depends on. */
  topic: string;
  alsoTopics?: readonly string[];
  /** A value is read anew when it is older, whatever notices say: they need a connection that lives. */
  freshMs: number;
  /** Values at most; the least used go. */
  max: number;
}

interface Kept<V> {
  value: V;
  readAt: number;
  /** How many changes had been heard of when it was read. */
  heard: number;
}

interface Load<V> {
  heard: number;
  startedAt: number;
  promise: Promise<V | undefined>;
}

/**
 * What was read from Postgres, by project and key, so that the hot path need not read it again. It is right at once in the
 * process that changed it and, by NOTIFY, in the others; within `freshMs` in any case. While Postgres is away the last
 * known values stand.
 */
export class Remembered<V> {
  private readonly kept: LRUCache<string, Kept<V>>;
  private readonly loads = new Map<string, Load<V>>();
  private readonly changes: LRUCache<string, number>;
  private heard = 0;
  private allChanged = 0;
  private restUntil = 0;

  constructor(
    private readonly database: Database,
    private readonly notifications: Notifications,
    private readonly options: RememberedOptions,
  ) {
    this.kept = new LRUCache({ max: options.max, ttl: OUTLIVES_MS });
    this.changes = new LRUCache({ max: 10_000 });
    const topics = new Set([options.topic, ...(options.alsoTopics ?? [])]);
    notifications.hear((notice) => {
      const colon = notice?.indexOf(':') ?? 0;
      if (notice === null) this.allChanged = this.heard += 1;
      else if (topics.has(notice.slice(0, Math.max(colon, 0)))) this.changes.set(notice.slice(colon + 1), this.heard += 1);
    });
  }

  /** The value, if it is here and fresh. */
  peek(projectId: string, key: string): V | undefined {
    const kept = this.kept.get(`${projectId} ${key}`);
    return kept && this.isFresh(projectId, kept) ? kept.value : undefined;
  }

  /**
   * The value, read by `load` when it is not here: once for all who ask at the same time.
   * @param load undefined for what is not there, which is not remembered
   */
  get(projectId: string, key: string, load: () => Promise<V | undefined>): V | undefined | Promise<V | undefined> {
    const id = `${projectId} ${key}`;
    const kept = this.kept.get(id);
    if (kept && (this.isFresh(projectId, kept) || (performance.now() < this.restUntil && this.isCurrent(projectId, kept)))) return kept.value;
    const loading = this.load(projectId, id, load);
    return kept ? this.orElse(loading, kept.value) : loading;
  }

  /** To be called in the transaction that changes what is remembered of its project. */
  changed(tx: RequestContext, projectId = tx.projectId): Promise<void> {
    return announce(this.database, this.notifications, tx, `${this.options.topic}:${projectId}`);
  }

  private isFresh(projectId: string, kept: Kept<V>): boolean {
    return performance.now() - kept.readAt < this.options.freshMs && this.isCurrent(projectId, kept);
  }

  private isCurrent(projectId: string, { heard }: { heard: number }): boolean {
    return heard >= this.allChanged && heard >= (this.changes.get(projectId) ?? 0);
  }

  /** One that began before a change may have read what was before it, and is not joined. */
  private load(projectId: string, id: string, read: () => Promise<V | undefined>): Promise<V | undefined> {
    const running = this.loads.get(id);
    const { heard } = this;
    const readAt = performance.now();
    if (running && readAt - running.startedAt < READ_MS && this.isCurrent(projectId, running)) return running.promise;
    const promise = read().then((value) => {
      this.restUntil = 0;
      if (value === undefined) this.kept.delete(id);
      else if (heard >= (this.kept.peek(id)?.heard ?? 0)) this.kept.set(id, { value, readAt, heard });
      return value;
    }, (error: unknown) => {
      if (!isAway(error)) this.kept.delete(id);
      throw error;
    }).finally(() => {
      if (this.loads.get(id)?.promise === promise) this.loads.delete(id);
    });
    this.loads.set(id, { heard, startedAt: readAt, promise });
    return promise;
  }

  /** What Postgres says, or what it said last when it is away. */
  private orElse(loading: Promise<V | undefined>, last: V): Promise<V | undefined> {
    return new Promise((resolve, reject) => {
      let settled = false;
      const standIn = () => {
        if (settled) return;
        this.restUntil = performance.now() + REST_MS;
        resolve(last);
      };
      // An answer that has come and is not read yet, since this process was busy, is in time.
      const timer = setTimeout(() => setImmediate(standIn), PATIENCE_MS);
      loading.then(resolve, (error: unknown) => (isAway(error) ? standIn() : reject(error as Error))).finally(() => {
        settled = true;
        clearTimeout(timer);
      });
    });
  }
}

/** Tells every Remembered that hears the topic `<topic>:<project id>`: here when the transaction has committed, elsewhere by NOTIFY. */
export async function announce(database: Database, notifications: Notifications, tx: RequestContext, topic: string): Promise<void> {
  await notifications.notify(database.manager(tx), topic);
  database.afterCommit(tx, () => notifications.echo(topic));
}

const isAway = (error: unknown): boolean => asDomainError(error)?.code === 'unavailable';
