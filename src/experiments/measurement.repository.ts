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

export const FEEDBACK_METRICS = ['thumb_rate', 'score'] as const satisfies Metric[];
export type FeedbackMetric = (typeof FEEDBACK_METRICS)[number];
const CALL_METRICS = ['error_rate', 'latency_ms', 'cost', 'tokens'] as const;

/**
 * The units of `seen` (experiment_id, key, arm, assigned_at, at, and columns): each with its mean until it settles and its
 * first value of each column. Keys are gathered by hashing, without a sort, as 64 bits of theirs: two in a million
 * million million are taken for one.
 */
const unitsOf = (columns: readonly string[]) => `
  keyed AS (
    SELECT s.*, hashtextextended(s.key, 0) AS unit, e.reweighted_at, e.observe_seconds * interval '1 second' AS observed
    FROM seen s JOIN experiments e ON e.project_id = $1 AND e.id = s.experiment_id WHERE s.key IS NOT NULL
  ),
  firsts AS (SELECT experiment_id, unit, min(at) AS first_at FROM keyed GROUP BY experiment_id, unit),
  units AS (
    SELECT k.experiment_id, k.arm, true AS keyed, count(*) AS calls, width_bucket(min(k.assigned_at), k.reweighted_at) AS weighting, f.first_at + k.observed <= now() AS settled,
      ${columns.flatMap((column) => [
        `avg(k.${column}) FILTER (WHERE k.at = f.first_at OR k.at < f.first_at + k.observed) AS ${column}`, `avg(k.${column}) FILTER (WHERE k.at = f.first_at) AS first_${column}`,
      ]).join(', ')}
    FROM keyed k JOIN firsts f ON f.experiment_id = k.experiment_id AND f.unit = k.unit
    GROUP BY k.experiment_id, k.unit, k.arm, f.first_at, k.reweighted_at, k.observed HAVING bool_or(k.at = f.first_at)
    UNION ALL
    SELECT s.experiment_id, s.arm, false, 1, width_bucket(s.assigned_at, e.reweighted_at), true, ${columns.map((column) => `s.${column}, s.${column}`).join(', ')}
    FROM seen s JOIN experiments e ON e.project_id = $1 AND e.id = s.experiment_id WHERE s.key IS NULL
  )`;

const momentsOf = (column: string) => `
  count(*) FILTER (WHERE settled)::int AS "${column}N", avg(${column}) FILTER (WHERE settled) AS "${column}Mean", var_samp(${column}) FILTER (WHERE settled) AS "${column}Variance",
  count(*)::int AS "${column}FirstN", avg(first_${column}) AS "${column}FirstMean", var_samp(first_${column}) AS "${column}FirstVariance"`;

const CALLS = `
  WITH seen AS NOT MATERIALIZED (
    SELECT experiment_id, sticky_key AS key, arm, at, at AS assigned_at,
      (error_code IS NOT NULL AND status <> 499)::int::float8 AS error_rate, latency_ms::float8 AS latency_ms, cost, (prompt_tokens + completion_tokens)::float8 AS tokens
    FROM calls WHERE project_id = $1 AND experiment_id = ANY($2)
  ), ${unitsOf(CALL_METRICS)}
  SELECT experiment_id AS "experimentId", weighting, arm, sum(calls)::int AS calls, count(*)::int AS units, count(*) FILTER (WHERE keyed)::int AS keys,
    count(*) FILTER (WHERE first_latency_ms > limits.slow)::int AS slow, ${CALL_METRICS.map(momentsOf).join(', ')}
  FROM units JOIN unnest($2::text[], $3::float8[]) AS limits (id, slow) ON limits.id = experiment_id
  GROUP BY experiment_id, weighting, arm ORDER BY experiment_id, weighting, arm`;

/** A call's first judgement of a kind counts: it does not change with what is said later. */
const feedback = (value: string) => `
  WITH seen AS NOT MATERIALIZED (
    SELECT c.experiment_id, c.sticky_key AS key, c.arm, c.at AS assigned_at, judged.at, judged.value
    FROM calls c JOIN (
      SELECT call_id, min(created_at) AS at, (array_agg(${value} ORDER BY created_at, id))[1] AS value FROM call_feedback WHERE project_id = $1 AND ${value} IS NOT NULL GROUP BY call_id
    ) AS judged ON judged.call_id = c.id
    WHERE c.project_id = $1 AND c.experiment_id = ANY($2)
  ), ${unitsOf(['value'])}
  SELECT experiment_id AS "experimentId", weighting, arm, ${momentsOf('value')}
  FROM units GROUP BY experiment_id, weighting, arm ORDER BY experiment_id, weighting, arm`;

const FEEDBACK: Record<FeedbackMetric, string> = { thumb_rate: feedback('thumb::int::float8'), score: feedback('score') };

type Row = Record<string, number | null> & { experimentId: string; arm: string; weighting: number };

@Injectable()
export class MeasurementRepository {
  constructor(private readonly database: Database) {}

  /** Sums up the log of experiments, and their feedback of these kinds, in a statement each. */
  async measure(ctx: RequestContext, asked: readonly Asked[], feedbackMetrics: readonly FeedbackMetric[]): Promise<{ traffic: Traffic[]; measurements: Measurement[] }> {
    const manager = this.database.manager(ctx);
    const ids = asked.map(({ id }) => id);
    const calls = await manager.query<(Row & Traffic)[]>(CALLS, [ctx.projectId, ids, asked.map(({ slowOverMs }) => slowOverMs)]);
    const judged: Measurement[] = [];
    for (const metric of feedbackMetrics) {
      const rows = await manager.query<Row[]>(FEEDBACK[metric], [ctx.projectId, ids]);
      judged.push(...rows.map((row) => measurement(row, metric, 'value')));
    }
    return {
      traffic: calls,
      measurements: [...calls.flatMap((row) => CALL_METRICS.map((metric) => measurement(row, metric, metric))), ...judged],
    };
  }
}

function measurement(row: Row, metric: Metric, column: string): Measurement {
  const moments = (which: string): Moments => ({
    n: row[`${column}${which}N`] ?? 0, mean: row[`${column}${which}Mean`] ?? 0, variance: row[`${column}${which}Variance`] ?? 0,
  });
  return { experimentId: row.experimentId, metric, weighting: row.weighting, arm: row.arm, settled: moments(''), first: moments('First') };
}
