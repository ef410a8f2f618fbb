import { Column, CreateDateColumn, Entity, Index, PrimaryColumn, Unique } from 'typeorm';

/** sft: learn the completion. preference: chosen over rejected. prompt: inputs with columns for graders. */
export type DatasetFormat = 'sft' | 'preference' | 'prompt';

/** An uploaded file: JSONL, every line checked. OpenAI's file object. */
@Entity('files')
export class FileEntity {
  @PrimaryColumn('text') id: string;
  @Index() @Column('text') projectId: string;
  @Column('text') filename: string;
  @Column('text') purpose: string;
  @Column('bigint', { transformer: { to: (value: number) => value, from: Number } }) bytes: number;
  @Column('int') rows: number;
  @Column('text') sha256: string;
  /** Relative to TRIAD_HOME. */
  @Column('text') path: string;
  /** `key:<id>`; empty in rows older than the column. */
  @Column('text', { default: '' }) createdBy: string;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}

@Entity('datasets')
@Index(['projectId', 'id'])
@Unique(['projectId', 'name'])
export class DatasetEntity {
  @PrimaryColumn('text') id: string;
  @Column('text') projectId: string;
  @Column('text') name: string;
  @Column('text') format: DatasetFormat;
  @Column('int', { default: 0 }) latestVersion: number;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}

/** Immutable: rows normalised to TRL's shapes in one file known by its digest. */
@Entity('dataset_versions')
@Unique(['datasetId', 'version'])
export class DatasetVersionEntity {
  @PrimaryColumn('text') id: string;
  @Index() @Column('text') projectId: string;
  @Column('text') datasetId: string;
  @Column('text') name: string;
  @Column('int') version: number;
  @Column('text') format: DatasetFormat;
  @Column('int') rows: number;
  /** Of the normalised JSONL; 0 in rows older than the column. */
  @Column('bigint', { default: 0, transformer: { to: (value: number) => value, from: Number } }) bytes: number;
  /** SHA-256 of the normalised JSONL. */
  @Column('text') sha256: string;
  /** Normalised JSONL, relative to TRIAD_HOME. */
  @Column('text') path: string;
  /** Uploaded file it came from; null when the service made it. */
  @Column('text', { nullable: true }) fileId: string | null;
  @Column('text') licence: string;
  /** Share of rows held out by the hash of their prompt, 0–0.5. */
  @Column('double precision', { default: 0 }) holdout: number;
  @Column('int', { default: 0 }) holdoutRows: number;
  /** Sealed: may be measured on, never trained on or read row by row. */
  @Column('boolean', { default: false }) sealed: boolean;
  @Column('text') createdBy: string;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}

/** The first row of a version that asks a prompt; `key` is promptKey of row.ts. Contamination is checked on these. */
@Entity('dataset_prompts')
export class DatasetPromptEntity {
  @PrimaryColumn('text') projectId: string;
  @PrimaryColumn('bytea') key: Buffer;
  @PrimaryColumn('text') versionId: string;
  @Column('int') row: number;
}
