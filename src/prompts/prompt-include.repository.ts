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

  /** Until the transaction ends no other may check for cycles: two changes at once could make one that neither sees. */
  async lockChecks(tx: RequestContext): Promise<void> {
    await this.database.manager(tx).query("SELECT pg_advisory_xact_lock(hashtextextended('triad.prompt-includes ' || $1, 0))", [tx.projectId]);
  }
}
