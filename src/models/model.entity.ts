import { Column, CreateDateColumn, Entity, Index, PrimaryColumn, Unique } from 'typeorm';
import type { Manifest } from '../contracts/contracts.generated.js';

/** base: whole weights. adapter: PEFT adapter on a base. reward: self-contained sequence classifier with one label. */
export type ModelKind = 'base' | 'adapter' | 'reward';

@Entity('models')
@Index(['projectId', 'id'])
@Unique(['projectId', 'name'])
export class ModelEntity {
  @PrimaryColumn('text') id: string;
  @Column('text') projectId: string;
  @Column('text') name: string;
  @Column('text', { nullable: true }) description: string | null;
  @Column('int', { default: 0 }) latestVersion: number;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}

/** Immutable. */
@Entity('model_versions')
@Unique(['modelId', 'version'])
export class ModelVersionEntity {
  @PrimaryColumn('text') id: string;
  @Index() @Column('text') projectId: string;
  @Column('text') modelId: string;
  @Column('text') name: string;
  @Column('int') version: number;
  @Column('text') kind: ModelKind;
  @Column('text') artefactId: string;
  /** The whole-weights version that an adapter loads on. */
  @Column('text', { nullable: true }) baseVersionId: string | null;
  /** Identifier in the licence catalogue. */
  @Column('text') licence: string;
  /** The job that made it; one version at most per job. */
  @Column('text', { nullable: true, unique: true }) jobId: string | null;
  /** The prompt that its training data was rendered with. */
  @Column('text', { nullable: true }) promptVersionId: string | null;
  @Column('text') createdBy: string;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}

@Entity('model_aliases')
export class ModelAliasEntity {
  @Column('text') projectId: string;
  @PrimaryColumn('text') modelId: string;
  @PrimaryColumn('text') alias: string;
  @Column('int') version: number;
  @Column('text') movedBy: string;
  @Column('timestamptz', { default: () => 'now()' }) movedAt: Date;
}

/** A directory of files whose every byte is known. */
@Entity('artefacts')
@Unique(['projectId', 'sha256'])
export class ArtefactEntity {
  @PrimaryColumn('text') id: string;
  @Column('text') projectId: string;
  @Column('text') sha256: string;
  @Column('bigint', { transformer: { to: (value: number) => value, from: Number } }) bytes: number;
  /** Relative to TRIAD_HOME. */
  @Column('text') path: string;
  @Column('jsonb') manifest: Manifest;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}

export type LineageNodeType = 'prompt_version' | 'dataset_version' | 'model_version' | 'fine_tune_job' | 'evaluation_run' | 'deployment';
/** How the target came from the source. */
export type LineageRelation = 'weights_derived' | 'output_derived' | 'data_derived' | 'rendered_with' | 'trained_by' | 'scored_by' | 'measured_by' | 'deployed_as';

/** One edge, from the source to what came of it. Ids are typed ids of other tables. */
@Entity('lineage_edges')
@Unique(['fromId', 'toId', 'relation'])
export class LineageEdgeEntity {
  @PrimaryColumn('text') id: string;
  @Index() @Column('text') projectId: string;
  @Column('text') fromType: LineageNodeType;
  @Column('text') fromId: string;
  @Column('text') toType: LineageNodeType;
  @Index() @Column('text') toId: string;
  @Column('text') relation: LineageRelation;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}
