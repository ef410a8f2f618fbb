import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { PromptRepository } from './prompt.repository.js';
import type { PromptVersionEntity } from './prompt.entity.js';

/** Which versions of other prompts templates include. */
@Injectable()
export class PromptIncludeRepository {
  constructor(
    private readonly database: Database,
    private readonly prompts: PromptRepository,
  ) {}

  /**
   * What each reference, `name/3` or `name@label`, stands for now; left out where there is no such version.
   * @param pins reference → id of the version to take instead
   */
  async findReferenced(ctx: RequestContext, references: readonly string[], pins: Record<string, string> = {}): Promise<Map<string, PromptVersionEntity>> {
    if (references.length === 0) return new Map();
    const [pinned, free] = [references.filter((reference) => Object.hasOwn(pins, reference)), references.filter((reference) => !Object.hasOwn(pins, reference))];
    const found = [...pinned.map((reference) => ({ reference, id: pins[reference]! })), ...(free.length > 0 ? await this.resolve(ctx, free) : [])];
    const versions = new Map((await this.prompts.findVersionsByIds(ctx, found.map(({ id }) => id))).map((version) => [version.id, version]));
    return new Map(found.flatMap(({ reference, id }) => (versions.has(id) ? [[reference, versions.get(id)!]] : [])));
  }

  private resolve(ctx: RequestContext, references: readonly string[]): Promise<{ reference: string; id: string }[]> {
    const wanted = references.map((reference) => {
      const [, name, version, label] = /^(.*?)(?:\/(\d+)|@([^@]*))$/.exec(reference)!;
      return { reference, name, version: version === undefined ? null : Number(version), label: label ?? null };
    });
    return this.database.manager(ctx).query(`
      SELECT wanted.reference, version.id FROM jsonb_to_recordset($2) AS wanted(reference text, name text, version int, label text)
      JOIN prompts prompt ON prompt.project_id = $1 AND prompt.name = wanted.name
      LEFT JOIN prompt_labels label ON label.prompt_id = prompt.id AND label.label = wanted.label
      JOIN prompt_versions version ON version.prompt_id = prompt.id
        AND version.version = coalesce(wanted.version, CASE wanted.label WHEN 'latest' THEN prompt.latest_version ELSE label.version END)`,
    [ctx.projectId, JSON.stringify(wanted)]);
  }

  /**
   * Versions that include one of these references, and that somebody may be given: a label names them, or they are the
   * newest of a prompt that is not archived. In order; 10 at most.
   */
  usedIncluders(ctx: RequestContext, references: readonly string[]): Promise<{ name: string; version: number; includes: string[] }[]> {
    return this.database.manager(ctx).query(`
      SELECT version.name, version.version, version.includes FROM prompt_versions version JOIN prompts prompt ON prompt.id = version.prompt_id
      WHERE version.project_id = $1 AND version.includes <> '{}' AND version.includes && $2::text[]
        AND (EXISTS (SELECT FROM prompt_labels label WHERE label.prompt_id = prompt.id AND label.version = version.version)
          OR (prompt.archived_at IS NULL AND version.version = prompt.latest_version))
      ORDER BY version.name, version.version LIMIT 10`, [ctx.projectId, references]);
  }

  /**
   * Versions that include each of these versions, by its number or by a label that names it now, the newest first.
   * @param before id that the answers come after in that order; null from the start
   * @param limit for each
   */
  async includersOf(ctx: RequestContext, versionIds: readonly string[], before: string | null, limit: number): Promise<{ parent: string; version: PromptVersionEntity }[]> {
    const found = await this.database.manager(ctx).query<{ parent: string; id: string }[]>(`
      SELECT target.id AS parent, page.id FROM prompt_versions target JOIN prompts prompt ON prompt.id = target.prompt_id
      CROSS JOIN LATERAL (
        SELECT version.id FROM prompt_versions version
        WHERE version.project_id = $1 AND version.includes <> '{}' AND ($3::text IS NULL OR version.id < $3) AND version.includes && (
          ARRAY[target.name || '/' || target.version] || CASE WHEN target.version = prompt.latest_version THEN ARRAY[target.name || '@latest'] ELSE '{}' END
          || ARRAY(SELECT target.name || '@' || label.label FROM prompt_labels label WHERE label.prompt_id = target.prompt_id AND label.version = target.version))
        ORDER BY version.id DESC LIMIT $4
      ) AS page
      WHERE target.project_id = $1 AND target.id = ANY($2) ORDER BY page.id DESC`, [ctx.projectId, versionIds, before, limit]);
    const versions = new Map((await this.prompts.findVersionsByIds(ctx, [...new Set(found.map(({ id }) => id))])).map((version) => [version.id, version]));
    return found.map(({ parent, id }) => ({ parent, version: versions.get(id)! }));
  }

  /** Until the transaction ends no other may check for cycles: two changes at once could make one that neither sees. */
  async lockChecks(tx: RequestContext): Promise<void> {
    await this.database.manager(tx).query("SELECT pg_advisory_xact_lock(hashtextextended('triad.prompt-includes ' || $1, 0))", [tx.projectId]);
  }
}
