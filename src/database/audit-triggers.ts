import type { DataSource } from 'typeorm';

/** Tables whose rows are no person's decision: what follows from commands, in bulk. */
const UNWATCHED = [
  'audit_entries', 'audit_changes', 'idempotency_keys', 'outbox', 'events', 'webhook_deliveries', 'inbound_messages',
  'dataset_prompts', 'evaluation_samples', 'fine_tune_events', 'artefacts', 'usage_months', 'calls', 'call_feedback',
];

/**
 * Rows that a command changes are written down by the database itself, so that no service can forget to. A command tells
 * its audit entry's id in `triad.audit_entry` and its caller's project in `triad.audit_project`, for its transaction; without one the trigger does nothing. Columns that
 * hold secrets or their hashes are left out.
 */
const RECORD_CHANGE = `
CREATE OR REPLACE FUNCTION triad_record_change() RETURNS trigger LANGUAGE plpgsql AS $function$
DECLARE
  old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN (SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(OLD)) WHERE key !~ '(encrypted|hash$|secret)') END;
  new_row jsonb := CASE WHEN TG_OP <> 'DELETE' THEN (SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(NEW)) WHERE key !~ '(encrypted|hash$|secret)') END;
  whole jsonb := coalesce(new_row, old_row);
BEGIN
  IF TG_OP = 'UPDATE' THEN
    SELECT jsonb_object_agg(key, value), jsonb_object_agg(key, new_row -> key) INTO old_row, new_row
    FROM jsonb_each(old_row) WHERE value IS DISTINCT FROM new_row -> key;
    IF old_row IS NULL AND to_jsonb(OLD) = to_jsonb(NEW) THEN RETURN NULL; END IF;
  END IF;
  INSERT INTO audit_changes (project_id, entry_id, "table", row_id, before, after)
  VALUES (current_setting('triad.audit_project'), current_setting('triad.audit_entry'), TG_TABLE_NAME,
    coalesce(whole ->> 'id', whole ->> 'prompt_id', whole ->> 'model_id', ''), coalesce(old_row, CASE WHEN TG_OP = 'UPDATE' THEN '{}'::jsonb END), coalesce(new_row, CASE WHEN TG_OP = 'UPDATE' THEN '{}'::jsonb END));
  RETURN NULL;
END $function$`;

/** Puts the trigger on the projects and every table with a project_id but those that are unwatched. Idempotent; runs as the owner, after the migrations. */
export async function watchTables(source: DataSource): Promise<void> {
  const tables = await source.query<{ table: string }[]>(`
    SELECT c.relname AS "table" FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = CASE c.relname WHEN 'projects' THEN 'id' ELSE 'project_id' END
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> ALL ($1)
      AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'audit')`, [UNWATCHED]);
  await source.query(RECORD_CHANGE);
  for (const { table } of tables) {
    await source.query(`CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON "${table}" FOR EACH ROW
      WHEN (current_setting('triad.audit_entry', true) <> '') EXECUTE FUNCTION triad_record_change()`);
  }
}
