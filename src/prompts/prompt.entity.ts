import { Column, CreateDateColumn, Entity, Index, PrimaryColumn, Unique } from 'typeorm';

export type PromptType = 'text' | 'chat' | 'image';
export type ChatRole = 'system' | 'user' | 'assistant';
export interface ChatTemplate {
  role: ChatRole;
  content: string;
}

/** A named prompt; what it says is in its versions. */
@Entity('prompts')
@Index(['projectId', 'id'])
@Index(['projectId', 'folder', 'id'])
@Index('prompts_words', { synchronize: false })
@Unique(['projectId', 'name'])
export class PromptEntity {
  @PrimaryColumn('text') id: string;
  @Column('text') projectId: string;
  @Column({ type: 'text', collation: 'C' }) name: string;
  /** The name up to and with its last slash; empty at the root. So each folder's prompts, at any depth, are one range of it. */
  @Column({ type: 'text', collation: 'C', default: '' }) folder: string;
  @Column('text') type: PromptType;
  @Column('text', { nullable: true }) description: string | null;
  /** Unlike a version's, these may change. */
  @Column('text', { array: true, default: '{}' }) tags: string[];
  /** Number of the newest version. */
  @Column('int', { default: 0 }) latestVersion: number;
  /** Since when it is out of sight and takes no change. */
  @Column('timestamptz', { nullable: true }) archivedAt: Date | null;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}

/** The folder of a name, with its slash: `a/b/` of `a/b/c`, nothing of `c`. */
export const folderOf = (name: string): string => name.slice(0, name.lastIndexOf('/') + 1);

/** Immutable. */
@Entity('prompt_versions')
@Index('prompt_versions_words', { synchronize: false })
@Index('prompt_versions_including', ['projectId', 'id'], { where: "includes <> '{}'" })
@Unique(['promptId', 'version'])
export class PromptVersionEntity {
  @PrimaryColumn('text') id: string;
  @Index() @Column('text') projectId: string;
  @Column('text') promptId: string;
  @Column('text') name: string;
  @Column('text') type: PromptType;
  @Column('int') version: number;
  /** A text prompt is one message of role user. */
  @Column('jsonb') messages: ChatTemplate[];
  /** Names of the variables that rendering needs, sorted. */
  @Column('text', { array: true }) variables: string[];
  /** JSON Schema of the variables: inferred from the templates, or the author's tighter one. Included prompts have their own. */
  @Column('jsonb', { default: {} }) inputSchema: Record<string, unknown>;
  /** The schema is the author's. */
  @Column('boolean', { default: false }) inputSchemaGiven: boolean;
  /** What the templates include: `name/3` or `name@label`, sorted. */
  @Column('text', { array: true, default: [] }) includes: string[];
  @Column('jsonb') config: Record<string, unknown>;
  @Column('text', { array: true }) tags: string[];
  @Column('text', { nullable: true }) commitMessage: string | null;
  @Column('text') createdBy: string;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt: Date;
}

/** A movable name of a version. `latest` is not stored: it moves by itself. */
@Entity('prompt_labels')
export class PromptLabelEntity {
  @Column('text') projectId: string;
  @PrimaryColumn('text') promptId: string;
  @PrimaryColumn('text') label: string;
  @Column('int') version: number;
}

/** A label that only some may move. */
@Entity('prompt_protected_labels')
export class PromptProtectedLabelEntity {
  @PrimaryColumn('text') projectId: string;
  @PrimaryColumn('text') label: string;
}
