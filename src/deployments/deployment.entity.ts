import { Column, CreateDateColumn, Entity, Index, PrimaryColumn, Unique } from 'typeorm';
import type { SecretPlace } from '../common/secrets.js';

/** Per million tokens, in the currency of all prices here. */
export interface ModelPrice {
  /** A model's name, the beginning of names followed by `*`, or `*` for all others. */
  model: string;
  input: number;
  output: number;
  /** Of prompt tokens that the provider read from its cache; by default as `input`. */
  cachedInput?: number | null;
  /** Of prompt tokens that it wrote there; by default as `input`. */
  cacheWrite?: number | null;
  /** Per image made, beside its tokens. */
  image?: number | null;
}

/** What a provider speaks. */
export const PROVIDER_KINDS = ['openai', 'anthropic', 'stable_diffusion_webui'] as const;
export type ProviderKind = (typeof PROVIDER_KINDS)[number];

/** An endpoint outside that answers for models. */
@Entity('providers')
@Index(['projectId', 'id'])
@Unique(['projectId', 'name'])
export class ProviderEntity {
  @PrimaryColumn('text') id: string;
  @Column('text') projectId: string;
  @Column('text') name: string;
  @Column('text', { default: 'openai' }) kind: ProviderKind;
  /** Such as `https://host/v1`. */
  @Column('text') baseUrl: string;
  /** See common/secrets. */
  @Column('text', { nullable: true }) encryptedKey: string | null;
  /** Sent with each request, beside those of its kind; they hold no secrets. */
  @Column('jsonb', { default: {} }) headers: Record<string, string>;
  /** What its models cost; a model without a price costs nothing here. */
  @Column('jsonb', { default: [] }) prices: ModelPrice[];
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}

export const placeOfKey = ({ projectId, id }: Pick<ProviderEntity, 'projectId' | 'id'>): SecretPlace => ({ column: 'providers.encrypted_key', projectId, id });

/** One of the targets that a deployment's calls are split over. */
export interface RoutingArm {
  target: string;
  /** Its share, relative to the others'; 0: none. */
  weight: number;
}

/** Asking the same target again. */
export interface RetryPolicy {
  /** Repeats at most, in the whole call. */
  max: number;
  /** The wait before repeat n is a random part of `backoffBaseMs · 2ⁿ`, of `backoffCapMs` at most. */
  backoffBaseMs: number;
  backoffCapMs: number;
  /** A `Retry-After` of at most so long is waited for; after a longer one the target is not asked again in this call. */
  retryAfterCapMs: number;
  /** Repeats per call that are allowed in the long run, and how many each second besides. */
  budgetRatio: number;
  budgetPerSecond: number;
  /** Statuses that count as the target's failure beside 401, 402, 403, 404, 408, 409, 429 and 5xx. */
  alsoOn: number[];
}

/** Milliseconds. */
export interface TimeoutPolicy {
  /** Of one attempt: until its whole answer is here, or a stream's first event. */
  firstByteMs: number;
  /** Of the whole call: attempts, waits between them, and the answer to its end. */
  totalMs: number;
  /** Longest silence within an answer; null: TRIAD_STREAM_IDLE_MS. */
  idleMs: number | null;
}

/** When a target is left alone for a while. */
export interface BreakerPolicy {
  /** Share of failures among the attempts of the window, above 0 and at most 1, that opens it. */
  failureRatio: number;
  /** Attempts that the window must hold at least. */
  minCalls: number;
  windowSeconds: number;
  /** How long until one call may try the target again. */
  openSeconds: number;
}

/** Whole answers kept for the same request. */
export interface CachePolicy {
  ttlSeconds: number;
  /** Only answers to requests with `temperature: 0` or a `seed`, and embeddings. */
  onlyDeterministic: boolean;
}

/** What keeps a caller at one arm: the key that it gives, or its API key; `none`: each call is drawn anew. */
export const STICKY_BY = ['caller', 'api_key', 'none'] as const;
export type StickyBy = (typeof STICKY_BY)[number];

/** Where a deployment's calls go, and what happens when a target fails. */
export interface RoutingPolicy {
  arms: RoutingArm[];
  /** Targets that are asked in this order when the arm's has failed. */
  fallbacks: string[];
  retries: RetryPolicy;
  timeouts: TimeoutPolicy;
  /** Null: none. */
  breaker: BreakerPolicy | null;
  /** Null: none. */
  cache: CachePolicy | null;
  /** Identical requests in flight share one call. */
  coalesce: boolean;
  stickyBy: StickyBy;
}

/** A name that apps call, and what answers: registry references, or providers' models. */
@Entity('deployments')
@Index(['projectId', 'id'])
@Unique(['projectId', 'name'])
export class DeploymentEntity {
  @PrimaryColumn('text') id: string;
  @Column('text') projectId: string;
  @Column('text') name: string;
  /** `models:/name@alias`, or `<provider>/<model>`: that of the first arm. */
  @Column('text') target: string;
  /** Null: `target` alone, and the defaults. Read it by `routingOf`. */
  @Column('jsonb', { nullable: true }) routing: RoutingPolicy | null;
  /** Raised by each change. */
  @Column('int', { default: 1 }) revision: number;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
  @Column('timestamptz', { default: () => 'now()' }) updatedAt: Date;
}
