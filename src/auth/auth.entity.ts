import { Column, CreateDateColumn, Entity, Index, ManyToOne, JoinColumn, PrimaryColumn } from 'typeorm';
import type { Limits } from '../common/limits.js';

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
  @Column('text', { unique: true }) hash: string;
  @Column('jsonb', { nullable: true }) limits: Limits | null;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
  @Column('timestamptz', { nullable: true }) revokedAt: Date | null;
}
