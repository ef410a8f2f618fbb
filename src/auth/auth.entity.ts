import { Column, CreateDateColumn, Entity, Index, ManyToOne, JoinColumn, PrimaryColumn } from 'typeorm';
import type { Limits } from '../common/limits.js';
import type { CallerRole } from '../common/request-context.js';

/** A tenant. Every other row belongs to one. */
@Entity('projects')
export class ProjectEntity {
  @PrimaryColumn('text') id: string;
  @Column('text', { unique: true }) name: string;
  @Column('jsonb', { nullable: true }) limits: Limits | null;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}

/** An API key; only the SHA-256 of its 256-bit secret is kept. */
@Entity('api_keys')
export class ApiKeyEntity {
  @PrimaryColumn('text') id: string;
  @Index() @Column('text') projectId: string;
  @ManyToOne(() => ProjectEntity) @JoinColumn({ name: 'project_id' }) project: ProjectEntity;
  @Column('text') name: string;
  /** The readable part, to know the key by; null for a key that is all secret. */
  @Column('text', { nullable: true }) prefix: string | null;
  @Column('text', { unique: true }) hash: string;
  @Column('text', { default: 'viewer' }) role: CallerRole;
  /** May manage projects. */
  @Column('boolean', { default: false }) platform: boolean;
  /** Principal that made it; null: the platform itself. */
  @Column('text', { nullable: true }) createdBy: string | null;
  @Column('jsonb', { nullable: true }) limits: Limits | null;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
  @Column('timestamptz', { nullable: true }) expiresAt: Date | null;
  /** To the minute. */
  @Column('timestamptz', { nullable: true }) lastUsedAt: Date | null;
  @Column('timestamptz', { nullable: true }) revokedAt: Date | null;
  /** The key that took its place by rotation. */
  @Column('text', { nullable: true }) replacedBy: string | null;
}
