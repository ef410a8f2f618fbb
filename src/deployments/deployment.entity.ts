import { Column, CreateDateColumn, Entity, Index, PrimaryColumn, Unique } from 'typeorm';
import type { SecretPlace } from '../common/secrets.js';

/** Per million tokens, in the currency of all prices here. */
export interface ModelPrice {
  /** A model's name, or `*` for those not named. */
  model: string;
  input: number;
  output: number;
}

/** An OpenAI-compatible endpoint outside. */
@Entity('providers')
@Index(['projectId', 'id'])
@Unique(['projectId', 'name'])
export class ProviderEntity {
  @PrimaryColumn('text') id: string;
  @Column('text') projectId: string;
  @Column('text') name: string;
  /** Such as `https://host/v1`. */
  @Column('text') baseUrl: string;
  /** See common/secrets. */
  @Column('text', { nullable: true }) encryptedKey: string | null;
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
