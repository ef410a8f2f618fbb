import { setTimeout as wait } from 'node:timers/promises';
import type { Installation } from '../helpers/installation.js';
import type { Receiver } from './receiver.js';

const TABLES = ['evaluation_runs', 'fine_tune_jobs'];
const QUIET_WITHIN_MS = 8 * 60_000;
const ALLOWED = ['queued>running', 'queued>cancelled', 'running>queued', 'running>succeeded', 'running>failed', 'running>cancelled'];

/** Has the database write down every change of a status or attempt from here on. */
export async function recordHistory(triad: Installation): Promise<void> {
  await triad.sql('CREATE TABLE history (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text, was text, became text, attempt_was int, attempt int)');
  await triad.sql(`CREATE FUNCTION write_history() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    INSERT INTO public.history (id, was, became, attempt_was, attempt) VALUES (NEW.id, OLD.status, NEW.status, OLD.attempt, NEW.attempt);
    RETURN NULL; END $$`);
  for (const table of TABLES) {
    await triad.sql(`CREATE TRIGGER history AFTER UPDATE ON ${table} FOR EACH ROW
      WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.attempt <> NEW.attempt) EXECUTE FUNCTION write_history()`);
  }
}

/** Waits until nothing is left to do. @returns what still was when its time was over. */
export async function untilQuiet(triad: Installation): Promise<string[]> {
  const deadline = Date.now() + QUIET_WITHIN_MS;
  for (;;) {
    const left = await triad.sql<{ what: string }>(`
      SELECT 'run ' || id || ' is ' || status AS what FROM evaluation_runs WHERE status IN ('queued', 'running')
      UNION ALL SELECT 'job ' || id || ' is ' || status FROM fine_tune_jobs WHERE status IN ('queued', 'running')
      UNION ALL SELECT 'message ' || id || ' is in the outbox' FROM outbox WHERE dispatched_at IS NULL
      UNION ALL SELECT 'event ' || id || ' is not fanned out' FROM events WHERE fanned_out_at IS NULL
      UNION ALL SELECT 'delivery ' || id || ' is pending' FROM webhook_deliveries WHERE status = 'pending'`);
    if (left.length === 0 || Date.now() > deadline) return left.map(({ what }) => `not over in time: ${what}`);
    await wait(500);
  }
}

/** @param commands each idempotency key with the id that was answered */
export async function findViolations(triad: Installation, commands: Map<string, string>, receiver: Receiver, items: number): Promise<string[]> {
  return [
    ...await ofCommands(triad, commands),
    ...await ofHistory(triad),
    ...await ofResults(triad, items),
    ...await ofEvents(triad, receiver),
  ];
}

async function ofCommands(triad: Installation, commands: Map<string, string>): Promise<string[]> {
  const runs = new Set((await triad.sql<{ id: string }>('SELECT id FROM evaluation_runs UNION ALL SELECT id FROM fine_tune_jobs')).map(({ id }) => id));
  const answered = new Set(commands.values());
  return [
    ...(answered.size < commands.size ? [`${commands.size} commands were answered with ${answered.size} runs`] : []),
    ...[...answered].filter((id) => !runs.has(id)).map((id) => `run ${id} was accepted and is lost`),
    ...[...runs].filter((id) => !answered.has(id)).map((id) => `run ${id} is of no command, or a command's second`),
  ];
}

async function ofHistory(triad: Installation): Promise<string[]> {
  const changes = await triad.sql<{ id: string; was: string; became: string; attempt_was: number; attempt: number }>('SELECT * FROM history ORDER BY n');
  return changes.flatMap(({ id, was, became, attempt_was, attempt }) => {
    const claim = became === 'running' && was === 'queued';
    const sound = ALLOWED.includes(`${was}>${became}`) && attempt === attempt_was + Number(claim);
    return sound ? [] : [`${id} went from ${was} (attempt ${attempt_was}) to ${became} (attempt ${attempt})`];
  });
}

/** What was made is there, once. Runs whose workers were killed too often may have failed, and say so. */
async function ofResults(triad: Installation, items: number): Promise<string[]> {
  const wrong = await triad.sql<{ what: string }>(`
    SELECT 'run ' || run.id || ' is ' || status || ' with ' || done || ' done, ' || count(sample.*) || ' answers' AS what
    FROM evaluation_runs run LEFT JOIN evaluation_samples sample ON sample.run_id = run.id GROUP BY run.id
    HAVING status = 'succeeded' AND (done <> $1 OR count(sample.*) <> $1 OR count(DISTINCT sample.item) <> $1)
      OR status = 'failed' AND failure->>'code' <> 'lost' OR status = 'cancelled'
    UNION ALL
    SELECT 'job ' || job.id || ' is ' || status || ' with ' || count(version.*) || ' model versions ' || coalesce(failure::text, '')
    FROM fine_tune_jobs job LEFT JOIN model_versions version ON version.job_id = job.id GROUP BY job.id
    HAVING count(version.*) <> (status = 'succeeded')::int OR status = 'failed' AND failure->>'code' NOT IN ('worker_lost', 'internal', 'killed') OR status = 'cancelled'`, [items]);
  const ends = await triad.sql<{ line: string }>(`SELECT kind || ' ' || status || ': ' || count(*) || ', attempts up to ' || max(attempt) AS line
    FROM (SELECT 'runs' AS kind, status, attempt FROM evaluation_runs UNION ALL SELECT 'jobs', status, attempt FROM fine_tune_jobs) each GROUP BY kind, status`);
  for (const { line } of ends) console.log(`          ${line}`);
  return wrong.map(({ what }) => what);
}

async function ofEvents(triad: Installation, { taken }: Receiver): Promise<string[]> {
  const events = await triad.sql<{ id: string; about: string }>("SELECT id, type || ' ' || (data->>'id') AS about FROM events");
  const over = await triad.sql<{ id: string }>("SELECT id FROM evaluation_runs WHERE status IN ('succeeded', 'failed') UNION ALL SELECT id FROM fine_tune_jobs WHERE status <> 'cancelled'");
  console.log(`          events: ${events.length}, taken by the receiver: ${taken.size}`);
  const told = (run: string) => events.filter(({ about }) => about.endsWith(` ${run}`)).length;
  return [
    ...over.filter(({ id }) => told(id) !== 1).map(({ id }) => `${told(id)} events tell the end of ${id}`),
    ...events.filter(({ id }) => !taken.has(id)).map(({ id, about }) => `event ${id} (${about}) was never delivered`),
    ...events.filter(({ id, about }) => taken.has(id) && [...taken.get(id)!].join() !== about).map(({ id }) => `event ${id} was not always the same`),
    ...[...taken.keys()].filter((id) => !events.some((event) => event.id === id)).map((id) => `event ${id} was delivered and is unknown`),
  ];
}
