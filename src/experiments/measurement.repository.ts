import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import type { Moments } from './confidence-sequence.js';
import type { Metric } from './experiment.entity.js';

/**
 * What the units of an arm gave in one metric while one set of weights stood. A unit is a sticky key, or a call without one; it
 * belongs to the arm of its first call, and counts once.
 */
export interface Measurement {
  experimentId: string;
  metric: Metric;
  /** Place among the experiment's weightings. */
  weighting: number;
  arm: string;
  /** Of units that were observed to the end, each by its mean. */
  settled: Moments;
  /** Of all units, each by what came first. */
  first: Moments;
}

/** How many there are of what belongs to an arm. */
export interface Traffic {
  experimentId: string;
  weighting: number;
  arm: string;
  calls: number;
  units: number;
  /** Units that are sticky keys. */
  keys: number;
  /** Of the units' first calls, those that took longer than the limit of a guard. */
  slow: number;
}

/** An experiment whose calls are to be summed up. */
export interface Asked {
  id: string;
  /** Milliseconds that a guard allows 95% of the calls; null without such a guard. */
  slowOverMs: number | null;
}

const CALL_METRICS = ['error_rate', 'latency_ms', 'cost', 'tokens'] as const;

/** The units of `seen` (experiment_id, unit, keyed, arm, assigned_at, at, id, and columns), each with its mean until it settles and its first value of each column. */
const unitsOf = (columns: readonly string[]) => `
  ranked AS (
    SELECT seen.*, row_number() OVER unit AS nth, first_value(at) OVER unit AS first_at, first_value(arm) OVER unit AS first_arm, first_value(assigned_at) OVER unit AS first_assigned
    FROM seen WINDOW unit AS (PARTITION BY experiment_id, unit ORDER BY at, id)
  ),
  units AS (
    SELECT r.experiment_id, r.unit, r.first_arm AS arm, r.keyed, count(*) AS calls, width_bucket(r.first_assigned, e.reweighted_at) AS weighting,
      NOT r.keyed OR r.first_at + e.observe_seconds * interval '1 second' <= now() AS settled,
      ${columns.flatMap((column) => [
        `avg(r.${column}) FILTER (WHERE r.nth = 1 OR r.arm = r.first_arm AND r.at < r.first_at + e.observe_seconds * interval '1 second') AS ${column}`,
        `max(r.${column}) FILTER (WHERE r.nth = 1) AS first_${column}`,
      ]).join(', ')}
    FROM ranked r JOIN experiments e ON e.project_id = $1 AND e.id = r.experiment_id
    GROUP BY r.experiment_id, r.unit, r.first_arm, r.keyed, r.first_at, r.first_assigned, e.reweighted_at, e.observe_seconds
  )`;

const momentsOf = (column: string) => `
  count(*) FILTER (WHERE settled)::int AS "${column}N", avg(${column}) FILTER (WHERE settled) AS "${column}Mean", var_samp(${column}) FILTER (WHERE settled) AS "${column}Variance",
  count(*)::int AS "${column}FirstN", avg(first_${column}) AS "${column}FirstMean", var_samp(first_${column}) AS "${column}FirstVariance"`;

const CALLS = `
  WITH seen AS (
    SELECT experiment_id, coalesce(sticky_key, id) AS unit, sticky_key IS NOT NULL AS keyed, arm, at, at AS assigned_at, id,
      (error_code IS NOT NULL AND status <> 499)::int::float8 AS error_rate, latency_ms::float8 AS latency_ms, cost, (prompt_tokens + completion_tokens)::float8 AS tokens
    FROM calls WHERE project_id = $1 AND experiment_id = ANY($2)
  ), ${unitsOf(CALL_METRICS)}
  SELECT experiment_id AS "experimentId", weighting, arm, sum(calls)::int AS calls, count(*)::int AS units, count(*) FILTER (WHERE keyed)::int AS keys,
    count(*) FILTER (WHERE first_latency_ms > limits.slow)::int AS slow, ${CALL_METRICS.map(momentsOf).join(', ')}
  FROM units JOIN unnest($2::text[], $3::float8[]) AS limits (id, slow) ON limits.id = experiment_id
  GROUP BY experiment_id, weighting, arm ORDER BY experiment_id, weighting, arm`;

/** A call's first judgement of a kind counts: it does not change with what is said later. */
const FEEDBACK = `
  WITH judged AS (
    SELECT DISTINCT ON (f.call_id, kind.metric) c.experiment_id, coalesce(c.sticky_key, c.id) AS unit, c.sticky_key IS NOT NULL AS keyed, c.arm, c.at AS assigned_at,
      f.created_at AS at, f.id, kind.metric, kind.value
    FROM calls c JOIN call_feedback f ON f.project_id = $1 AND f.call_id = c.id
    CROSS JOIN LATERAL (VALUES ('thumb_rate', f.thumb::int::float8), ('score', f.score)) AS kind (metric, value)
    WHERE c.project_id = $1 AND c.experiment_id = ANY($2) AND kind.value IS NOT NULL
    ORDER BY f.call_id, kind.metric, f.created_at, f.id
  ),
  seen AS (SELECT experiment_id, metric || ' ' || unit AS unit, keyed, arm, assigned_at, at, id, value FROM judged), ${unitsOf(['value'])}
  SELECT experiment_id AS "experimentId", split_part(unit, ' ', 1) AS metric, weighting, arm, ${momentsOf('value')}
  FROM units GROUP BY experiment_id, split_part(unit, ' ', 1), weighting, arm ORDER BY experiment_id, metric, weighting, arm`;

type Row = Record<string, number | null> & { experimentId: string; arm: string; weighting: number };

@Injectable()
export class MeasurementRepository {
  constructor(private readonly database: Database) {}

  /** Sums up the log and the feedback of experiments, in two statements. */
  async measure(ctx: RequestContext, asked: readonly Asked[]): Promise<{ traffic: Traffic[]; measurements: Measurement[] }> {
    const manager = this.database.manager(ctx);
    const ids = asked.map(({ id }) => id);
    const calls = await manager.query<(Row & Traffic)[]>(CALLS, [ctx.projectId, ids, asked.map(({ slowOverMs }) => slowOverMs)]);
    const feedback = await manager.query<(Row & { metric: Metric })[]>(FEEDBACK, [ctx.projectId, ids]);
    return {
      traffic: calls,
      measurements: [
        ...calls.flatMap((row) => CALL_METRICS.map((metric) => measurement(row, metric, metric))),
        ...feedback.map((row) => measurement(row, row.metric, 'value')),
      ],
    };
  }
}

function measurement(row: Row, metric: Metric, column: string): Measurement {
  const moments = (which: string): Moments => ({
    n: row[`${column}${which}N`] ?? 0, mean: row[`${column}${which}Mean`] ?? 0, variance: row[`${column}${which}Variance`] ?? 0,
  });
  return { experimentId: row.experimentId, metric, weighting: row.weighting, arm: row.arm, settled: moments(''), first: moments('First') };
}
