import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';

/**
 * Sub-folders of each folder of $2 (with their slashes), sorted, at most $4, starting after $3: one probe of the index per
 * sub-folder, however many prompts it holds. In names `0` comes right after `/`, and `~` after all that they may hold.
 */
const SUBFOLDERS = `
  SELECT parent.path AS parent, child.path FROM unnest($2::text[]) AS parent (path) CROSS JOIN LATERAL (
    WITH RECURSIVE child AS (
      (SELECT parent.path || split_part(substr(p.folder, length(parent.path) + 1), '/', 1) || '/' AS path FROM prompts p
        WHERE p.project_id = $1 AND p.archived_at IS NULL AND p.folder > parent.path AND p.folder < parent.path || '~' AND ($3::text IS NULL OR p.folder >= left($3, -1) || '0')
        ORDER BY p.folder LIMIT 1)
      UNION ALL
      SELECT parent.path || split_part(substr(next.folder, length(parent.path) + 1), '/', 1) || '/' FROM child CROSS JOIN LATERAL (
        SELECT p.folder FROM prompts p WHERE p.project_id = $1 AND p.archived_at IS NULL AND p.folder >= left(child.path, -1) || '0' AND p.folder < parent.path || '~'
        ORDER BY p.folder LIMIT 1) AS next
    ) SELECT path FROM child LIMIT $4
  ) AS child ORDER BY parent.path, child.path`;

const COUNTS = `
  SELECT parent.path AS parent, count(p.id)::int AS count FROM unnest($2::text[]) AS parent (path)
  LEFT JOIN prompts p ON p.project_id = $1 AND p.archived_at IS NULL AND p.folder >= parent.path AND p.folder < parent.path || '~' GROUP BY parent.path`;

@Injectable()
export class PromptFolderRepository {
  constructor(private readonly database: Database) {}

  /** Sorted sub-folders of each folder; all paths end in a slash but the root's. */
  subfolders(ctx: RequestContext, parents: readonly string[], after: string | null, limit: number): Promise<{ parent: string; path: string }[]> {
    return this.database.manager(ctx).query<{ parent: string; path: string }[]>(SUBFOLDERS, [ctx.projectId, parents, after, limit]);
  }

  /** How many prompts are in each folder, at any depth. */
  async counts(ctx: RequestContext, parents: readonly string[]): Promise<Map<string, number>> {
    const rows = await this.database.manager(ctx).query<{ parent: string; count: number }[]>(COUNTS, [ctx.projectId, parents]);
    return new Map(rows.map(({ parent, count }) => [parent, count]));
  }
}
