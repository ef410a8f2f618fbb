import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Words of a text, as the search knows them: ASCII letters and digits, and whatever is beyond ASCII. */
const PLAIN = String.raw`regexp_replace(%, '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u007f]+', ' ', 'g')`;

export class PromptLibrary1764210000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE "prompts" ALTER COLUMN "name" TYPE text COLLATE "C"');
    await runner.query(`ALTER TABLE "prompts" ADD "folder" text COLLATE "C" NOT NULL DEFAULT ''`);
    await runner.query('ALTER TABLE "prompts" ADD "description" text');
    await runner.query(`ALTER TABLE "prompts" ADD "tags" text array NOT NULL DEFAULT '{}'`);
    await runner.query('ALTER TABLE "prompts" ADD "archived_at" TIMESTAMP WITH TIME ZONE');
    await runner.query(String.raw`UPDATE "prompts" SET "folder" = regexp_replace(name, '[^/]*$', '') WHERE name LIKE '%/%'`);
    await runner.query('CREATE INDEX "IDX_e571bef663e92005f120c2cf93" ON "prompts" ("project_id", "folder", "id")');
    await runner.query('CREATE TABLE "prompt_protected_labels" ("project_id" text NOT NULL, "label" text NOT NULL, CONSTRAINT "PK_PROTECTED" PRIMARY KEY ("project_id", "label"))');
    await this.addSearch(runner);
    // A job stands below its prompt in the lineage from its start, not only when it has made a model.
    await runner.query(`INSERT INTO lineage_edges (id, project_id, from_type, from_id, to_type, to_id, relation, created_at)
      SELECT 'edge_' || replace(gen_random_uuid()::text, '-', ''), project_id, 'prompt_version', prompt_version_id, 'fine_tune_job', id, 'rendered_with', created_at
      FROM fine_tune_jobs WHERE prompt_version_id IS NOT NULL ON CONFLICT DO NOTHING`);
  }

  /**
   * Row-level security keeps a tenant's query off a GIN index, as `@@` is not leakproof. The search is therefore a function of
   * the owner's, which takes the project from the connection as the policies do. The project is one of the words, so that
   * a word that other tenants use as well costs this one nothing.
   */
  private async addSearch(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE FUNCTION triad_words(project text, parts text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000 AS $function$
      SELECT array_to_tsvector(ARRAY[project]) || to_tsvector('pg_catalog.simple'::regconfig, ${PLAIN.replace('%', "left(parts, 100000)")}) $function$`);
    await runner.query(`CREATE FUNCTION triad_version_words(project text, name text, tags text[], note text, messages jsonb) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000 AS $function$
      SELECT public.triad_words(project, concat_ws(' ', name, tags::text, note, (SELECT string_agg(message ->> 'content', ' ') FROM jsonb_array_elements(messages) message))) $function$`);
    await runner.query(`CREATE FUNCTION triad_prompt_words(project text, name text, tags text[], description text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000 AS $function$
      SELECT public.triad_words(project, concat_ws(' ', name, tags::text, description)) $function$`);
    await runner.query('CREATE INDEX "prompt_versions_words" ON "prompt_versions" USING gin (triad_version_words(project_id, name, tags, commit_message, messages))');
    await runner.query('CREATE INDEX "prompts_words" ON "prompts" USING gin (triad_prompt_words(project_id, name, tags, description))');
    await runner.query(`CREATE FUNCTION triad_find_prompts(asked text) RETURNS SETOF text LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $function$
      DECLARE
        project text := current_setting('triad.project_id', true);
        words text := (SELECT string_agg(quote_literal(word) || ':*', ' & ') FROM regexp_split_to_table(${PLAIN.replace('%', 'asked')}, ' +') word WHERE word <> '');
        query tsquery;
      BEGIN
        IF coalesce(project, '') = '' OR words IS NULL THEN RETURN; END IF;
        query := quote_literal(project)::tsquery && to_tsquery('pg_catalog.simple'::regconfig, words);
        RETURN QUERY SELECT v.prompt_id FROM prompt_versions v WHERE triad_version_words(v.project_id, v.name, v.tags, v.commit_message, v.messages) @@ query AND v.project_id = project
          UNION SELECT p.id FROM prompts p WHERE triad_prompt_words(p.project_id, p.name, p.tags, p.description) @@ query AND p.project_id = project;
      END $function$`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION triad_find_prompts(text)');
    await runner.query('DROP INDEX "prompts_words"');
    await runner.query('DROP INDEX "prompt_versions_words"');
    await runner.query('DROP FUNCTION triad_prompt_words(text, text, text[], text)');
    await runner.query('DROP FUNCTION triad_version_words(text, text, text[], text, jsonb)');
    await runner.query('DROP FUNCTION triad_words(text, text)');
    await runner.query('DROP TABLE "prompt_protected_labels"');
    await runner.query('DROP INDEX "IDX_e571bef663e92005f120c2cf93"');
    for (const column of ['archived_at', 'tags', 'description', 'folder']) await runner.query(`ALTER TABLE "prompts" DROP COLUMN "${column}"`);
    await runner.query('ALTER TABLE "prompts" ALTER COLUMN "name" TYPE text');
  }
}
