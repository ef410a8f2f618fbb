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

/** A name that apps call, and what answers: a registry reference, or a provider's model. */
@Entity('deployments')
@Index(['projectId', 'id'])
@Unique(['projectId', 'name'])
export class DeploymentEntity {
  @PrimaryColumn('text') id: string;
  @Column('text') projectId: string;
  @Column('text') name: string;
  /** `models:/name@alias`, or `<provider>/<model>`. */
  @Column('text') target: string;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
  @Column('timestamptz', { default: () => 'now()' }) updatedAt: Date;
}
