import type { ChatTemplate, PromptType } from '../prompt.entity.js';

/** A file of an export or import. */
export interface PromptFile {
  /** With `/` between folders, whatever the system. */
  path: string;
  content: string;
}

/** Characters that Postgres stores in no text: NUL, and halves of pairs. */
export const UNSTORABLE = /\0|[\ud800-\udfff]/u;

/** What is wrong in a file, and where. */
export class FileProblem extends Error {
  constructor(
    readonly path: string,
    /** From 1; null for the file as a whole. */
    readonly line: number | null,
    message: string,
  ) {
    super(message);
    this.name = 'FileProblem';
  }

  override toString(): string {
    return `${this.path}${this.line === null ? '' : `:${this.line}`}: ${this.message}`;
  }
}

/** A version that a file holds. */
export interface ImportedVersion {
  /** Its number where it comes from; null in a file of one version. */
  number: number | null;
  /** @param versionOf the number here of a version that was imported before, by its name here and its number there */
  messages: (versionOf: (name: string, number: number) => number) => ChatTemplate[];
  config: Record<string, unknown>;
  /** null: the one that the templates imply. */
  inputSchema: Record<string, unknown> | null;
  tags: string[];
  labels: string[];
  commitMessage: string | null;
  /** The line of `config.temperature` and the like, or of the version as a whole. */
  lineOf: (param: string | null) => number | null;
}

/** A prompt that a file holds, with its versions from the oldest. */
export interface ImportedPrompt {
  path: string;
  name: string;
  type: PromptType;
  /** undefined: not said. */
  description: string | undefined;
  promptTags: string[] | undefined;
  versions: ImportedVersion[];
  /** Names of prompts that its versions include. */
  includes: string[];
}
