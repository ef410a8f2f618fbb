import { Column, CreateDateColumn, Entity, PrimaryColumn, Unique } from 'typeorm';
import type { SecretPlace } from '../common/secrets.js';

/** An OpenAI-compatible endpoint outside. */
@Entity('providers')
@Unique(['projectId', 'name'])
export class ProviderEntity {
  @PrimaryColumn('text') id: string;
  @Column('text') projectId: string;
  @Column('text') name: string;
  /** Such as `https://host/v1`. */
  @Column('text') baseUrl: string;
  /** See common/secrets. */
  @Column('text', { nullable: true }) encryptedKey: string | null;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}

export const placeOfKey = ({ projectId, id }: Pick<ProviderEntity, 'projectId' | 'id'>): SecretPlace => ({ column: 'providers.encrypted_key', projectId, id });

/** A name that apps call, and what answers: a registry reference, or a provider's model. */
@Entity('deployments')
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
