import { newId } from '../../src/common/ids.js';
import { Database } from '../../src/database/database.js';
import type { Gateway } from './gateway.js';

export interface LoggedCall {
  experimentId?: string;
  arm?: string;
  stickyKey?: string | null;
  at?: Date;
  status?: number;
  errorCode?: string | null;
  latencyMs?: number;
  cost?: number;
}

export async function makeCallTables(gateway: Gateway): Promise<void> {
  const { platform } = gateway.app.get(Database);
  await platform.query(`CREATE TABLE IF NOT EXISTS calls (project_id text, id text, at timestamptz, experiment_id text, arm text, sticky_key text, status int, error_code text, latency_ms real, cost float8, prompt_tokens int, completion_tokens int)`);
  await platform.query(`CREATE TABLE IF NOT EXISTS call_feedback (project_id text, id text, call_id text, thumb boolean, score float8, created_at timestamptz DEFAULT now())`);
  await platform.query('GRANT SELECT ON calls, call_feedback TO PUBLIC');
}

/** Puts calls into the log, as the gateway would have. @returns their ids. */
export async function addCalls(gateway: Gateway, projectId: string, calls: LoggedCall[]): Promise<string[]> {
  const ids = calls.map(() => newId('smpl'));
  const rows = calls.map((call, index) => ({
    project_id: projectId, id: ids[index], at: call.at ?? new Date(), experiment_id: call.experimentId ?? null, arm: call.arm ?? null, sticky_key: call.stickyKey ?? null,
    status: call.status ?? 200, error_code: call.errorCode ?? null, latency_ms: call.latencyMs ?? 100, cost: call.cost ?? 0, prompt_tokens: 10, completion_tokens: 5,
  }));
  await gateway.app.get(Database).platform.query('INSERT INTO calls SELECT * FROM jsonb_populate_recordset(NULL::calls, $1)', [JSON.stringify(rows)]);
  return ids;
}

export async function addFeedback(gateway: Gateway, projectId: string, feedback: { callId: string; thumb?: boolean; score?: number | null }[]): Promise<void> {
  const rows = feedback.map(({ callId, thumb, score }) => ({ project_id: projectId, id: newId('smpl'), call_id: callId, thumb: thumb ?? null, score: score ?? null, created_at: new Date() }));
  await gateway.app.get(Database).platform.query('INSERT INTO call_feedback SELECT * FROM jsonb_populate_recordset(NULL::call_feedback, $1)', [JSON.stringify(rows)]);
}
