import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Ids of the caller's calls that match a web search, within (low, high), at most `most` of them from the newest or the oldest.
 * It runs as the owner of the table and filters by the caller's project itself: under row-level security Postgres would not
 * use the index of words, since it does not know the operator to be leakproof.
 */
const MATCHING = `
CREATE FUNCTION triad_calls_matching(words text, low text, high text, most bigint, newest boolean) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1000 SET search_path = pg_catalog, public AS $function$
BEGIN
  RETURN QUERY EXECUTE format(
    'SELECT id FROM public.calls WHERE project_id = $1 AND search @@ websearch_to_tsquery(''simple'', $2) AND id > $3 AND id < $4 ORDER BY id %s LIMIT $5',
    CASE WHEN newest THEN 'DESC' ELSE 'ASC' END)
  USING current_setting('triad.project_id', true), words, low, high, most;
END $function$`;

export class Calls1764220000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("CREATE TABLE \"calls\" (\"project_id\" text NOT NULL, \"id\" text COLLATE \"C\" NOT NULL, \"at\" TIMESTAMP WITH TIME ZONE NOT NULL, \"logged\" text NOT NULL, \"principal\" text NOT NULL, \"request_id\" text NOT NULL, \"operation\" text NOT NULL, \"model\" text NOT NULL, \"target\" text, \"deployment_id\" text, \"provider_id\" text, \"model_version_id\" text, \"prompt_version_id\" text, \"prompt_messages\" integer NOT NULL DEFAULT '0', \"experiment_id\" text, \"arm\" text, \"sticky_key\" text, \"metadata\" jsonb, \"status\" integer NOT NULL, \"error_code\" text, \"streamed\" boolean NOT NULL, \"cached\" boolean NOT NULL, \"attempts\" integer NOT NULL, \"latency_ms\" double precision NOT NULL, \"first_token_ms\" double precision, \"prompt_tokens\" integer NOT NULL, \"completion_tokens\" integer NOT NULL, \"cost\" double precision NOT NULL, \"cut\" boolean NOT NULL DEFAULT false, \"variables\" jsonb, \"request\" jsonb, \"answer\" jsonb, \"search\" tsvector, CONSTRAINT \"PK_a15ace9eb710fab98f552ccdc7e\" PRIMARY KEY (\"project_id\", \"id\")) PARTITION BY RANGE (\"id\")");
    await runner.query("CREATE INDEX \"IDX_9a6dbf90297f0f1392947631e2\" ON \"calls\"  (\"request_id\") ");
    await runner.query("CREATE INDEX calls_experiment ON calls (experiment_id, id) WHERE experiment_id IS NOT NULL");
    await runner.query("CREATE INDEX calls_search ON calls USING gin (search) WHERE search IS NOT NULL");
    await runner.query("CREATE SCHEMA calls_by_day");
    await runner.query("CREATE TABLE calls_by_day.late PARTITION OF calls DEFAULT");
    await runner.query(MATCHING);
    await runner.query("CREATE TABLE \"call_feedback\" (\"id\" text NOT NULL, \"project_id\" text NOT NULL, \"call_id\" text COLLATE \"C\" NOT NULL, \"principal\" text NOT NULL, \"score\" double precision, \"thumb\" boolean, \"comment\" text, \"corrected_answer\" text, \"preferred_over_call_id\" text COLLATE \"C\", \"preferred_over_answer\" text, \"metadata\" jsonb, \"created_at\" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(), CONSTRAINT \"PK_88ea3772f1bde70e630219d2bb3\" PRIMARY KEY (\"id\"))");
    await runner.query("CREATE INDEX \"IDX_8edda6d6632f81787be9d45246\" ON \"call_feedback\"  (\"project_id\", \"call_id\") ");
    await runner.query("CREATE TABLE \"call_settings\" (\"project_id\" text NOT NULL, \"mode\" text NOT NULL, \"retention_days\" integer, \"redactions\" jsonb NOT NULL DEFAULT '[]', \"updated_by\" text NOT NULL, \"updated_at\" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(), CONSTRAINT \"PK_cbe8c564845e056f4a150ef714e\" PRIMARY KEY (\"project_id\"))");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP TABLE \"call_settings\"");
    await runner.query("DROP INDEX \"public\".\"IDX_8edda6d6632f81787be9d45246\"");
    await runner.query("DROP TABLE \"call_feedback\"");
    await runner.query("DROP FUNCTION triad_calls_matching");
    await runner.query("DROP INDEX calls_search");
    await runner.query("DROP INDEX calls_experiment");
    await runner.query("DROP INDEX \"public\".\"IDX_9a6dbf90297f0f1392947631e2\"");
    await runner.query("DROP TABLE \"calls\"");
    await runner.query("DROP SCHEMA calls_by_day CASCADE");
  }
}
