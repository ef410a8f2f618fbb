import { Injectable } from '@nestjs/common';
import { QueryFailedError } from 'typeorm';
import { Database } from '../database/database.js';

/** Postgres refuses a row for what is in it (a number out of range, a constraint, a text too long to be searched), and would again. */
const REFUSED_DATA = /^(?:2[23]|54)/;

/** Columns of a row, with the types they have in JSON. */
const COLUMNS = `project_id text, id text, at float8, logged text, principal text, request_id text, operation text, model text, target text,
  deployment_id text, provider_id text, model_version_id text, prompt_version_id text, prompt_messages int, experiment_id text, arm text, sticky_key text,
  metadata jsonb, status int, error_code text, streamed boolean, cached boolean, attempts int, latency_ms float8, first_token_ms float8,
  prompt_tokens int, completion_tokens int, cost float8, cut boolean, variables jsonb, request jsonb, answer jsonb`;
const NAMES = COLUMNS.replace(/ (?:text|float8|int|jsonb|boolean)\b/g, '');

/** A batch that was written and whose answer got lost is sent again: rows that are there already stay as they are. */
const INSERT = `
  INSERT INTO calls (${NAMES}, search)
  SELECT ${NAMES.replace(/\bat\b/, 'to_timestamp(at)')}, to_tsvector('simple', words)
  FROM json_to_recordset($1::json) AS given (${COLUMNS}, words text)
  ON CONFLICT DO NOTHING`;

/** Writes the log, of all projects. */
@Injectable()
export class CallRowsRepository {
  constructor(private readonly database: Database) {}

  /** @param rows JSON objects of columns */
  async insert(rows: string[]): Promise<void> {
    await this.database.platform.query(INSERT, [`[${rows.join(',')}]`]);
  }
}

export function isRefused(error: unknown): error is QueryFailedError {
  return error instanceof QueryFailedError && REFUSED_DATA.test((error.driverError as { code?: string }).code ?? '');
}
