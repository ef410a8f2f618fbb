import { Injectable } from '@nestjs/common';
import { batched, batchedLists, byParent } from '../common/batched.js';
import { DomainError, notFound } from '../common/errors.js';
import { decodeCursor, type Page, toPage } from '../common/pagination.js';
import { NAME_PATTERN } from '../common/references.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import type { PromptEntity } from './prompt.entity.js';
import { PromptFolderRepository } from './prompt-folder.repository.js';
import { type PromptListArgs, PromptRepository } from './prompt.repository.js';

const MAX_TAGS = 50;
const MAX_TAG = 100;
const MAX_DESCRIPTION = 10_000;

export interface PromptChange {
  description?: string | null | undefined;
  tags?: string[] | null | undefined;
}

/** A folder: there is one as long as a prompt that is not archived is in it. */
export interface Folder {
  /** `house/lights`; empty for the root. */
  path: string;
}

const withSlash = (path: string): string => (path === '' ? '' : `${path}/`);

/** How prompts are kept: in folders, with tags and a description, archived. */
@Injectable()
export class PromptLibraryService {
  /** Sub-folders of a folder, by name. */
  readonly subfolders = batchedLists(async (ctx, paths, { first, after }: { first: number; after?: string | null }): Promise<Map<string, Page<Folder>>> => {
    const cursor = after == null ? null : withSlash(decodeCursor(after));
    const rows = await this.folders.subfolders(ctx, paths.map(withSlash), cursor, first + 1);
    const found = byParent(paths, rows.map(({ parent, path }) => ({ parent: parent.slice(0, -1), path: path.slice(0, -1) })), ({ parent }) => parent);
    return new Map(Array.from(found, ([path, children]) => [path, toPage(children, first, (child) => child.path, after)]));
  });
  /** Prompts in a folder itself. */
  readonly promptsIn = batchedLists(async (ctx, paths, args: PromptListArgs) => {
    const pages = await this.prompts.listIn(ctx, paths.map(withSlash), args);
    return new Map(paths.map((path) => [path, pages.get(withSlash(path))!]));
  });
  /** How many prompts are in a folder, at any depth. */
  readonly countIn = batched<string, number>(async (ctx, paths) => {
    const counts = await this.folders.counts(ctx, paths.map(withSlash));
    return new Map(paths.map((path) => [path, counts.get(withSlash(path)) ?? 0]));
  });

  constructor(
    private readonly database: Database,
    private readonly prompts: PromptRepository,
    private readonly folders: PromptFolderRepository,
  ) {}

  /** @throws DomainError bad_input for what cannot be a folder. */
  folder(path: string): Folder {
    if (path !== '' && (path.length > 200 || !NAME_PATTERN.test(path))) {
      throw new DomainError('bad_input', `${JSON.stringify(path)} is not a folder: write it as in names, such as "house/lights", without a slash at its ends; "" is the root.`, 'path');
    }
    return { path };
  }

  /**
   * Changes what is not of a version; what is not given stays.
   * @throws DomainError not_found, bad_input; conflict when the prompt is archived.
   */
  update(ctx: RequestContext, name: string, { description, tags }: PromptChange): Promise<PromptEntity> {
    checkTags(tags ?? []);
    if ((description?.length ?? 0) > MAX_DESCRIPTION) throw new DomainError('bad_input', `The description has more than ${MAX_DESCRIPTION} characters.`, 'description');
    const change = { ...(description !== undefined && { description: description === '' ? null : description }), ...(tags != null && { tags: [...new Set(tags)].sort() }) };
    return this.change(ctx, name, (prompt) => {
      if (prompt.archivedAt) throw new DomainError('conflict', `Prompt ${JSON.stringify(name)} is archived. Take it back with unarchivePrompt first.`, 'name');
      return change;
    });
  }

  /** Puts a prompt out of sight and keeps it as it is, or takes it back. @throws DomainError not_found. */
  setArchived(ctx: RequestContext, name: string, archived: boolean): Promise<PromptEntity> {
    return this.change(ctx, name, (prompt) => (archived === (prompt.archivedAt !== null) ? {} : { archivedAt: archived ? new Date() : null }));
  }

  private change(ctx: RequestContext, name: string, changeOf: (prompt: PromptEntity) => Partial<PromptEntity>): Promise<PromptEntity> {
    return this.database.transaction(ctx, async (tx) => {
      const locked = await this.prompts.lock(tx, name);
      if (!locked) throw notFound('prompt', name);
      const change = changeOf(locked.prompt);
      return Object.keys(change).length === 0 ? locked.prompt : this.prompts.update(tx, locked.prompt, change);
    });
  }
}

/** @throws DomainError bad_input for tags that nobody could want. */
export function checkTags(tags: readonly string[]): void {
  if (tags.length > MAX_TAGS) throw new DomainError('bad_input', `There are ${tags.length} tags; at most ${MAX_TAGS} may be.`, 'tags');
  const wrong = tags.find((tag) => tag.trim() === '' || tag.length > MAX_TAG);
  if (wrong !== undefined) throw new DomainError('bad_input', `${JSON.stringify(wrong.slice(0, 200))} is not a tag: write 1–${MAX_TAG} characters.`, 'tags');
}
