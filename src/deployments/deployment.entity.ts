import { Column, CreateDateColumn, Entity, Index, PrimaryColumn, Unique } from 'typeorm';

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
  /** AES-256-GCM, see common/secrets. */
  @Column('text', { nullable: true }) encryptedKey: string | null;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}

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
