import { Injectable } from '@nestjs/common';
import { newId } from '../common/ids.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { LineageEdgeEntity, type LineageNodeType } from './model.entity.js';

export interface LineageNodeRow {
  type: LineageNodeType;
  id: string;
  label: string;
}

export type LineageEdgeRow = Pick<LineageEdgeEntity, 'fromType' | 'fromId' | 'toType' | 'toId' | 'relation'>;

/** One row per node that exists in the project ($1), of the ids in $2, with what a person would call it. */
const DESCRIBE = `
  SELECT 'prompt_version' AS type, id, name || '/' || version || ' (prompt)' AS label FROM prompt_versions WHERE project_id = $1 AND id = ANY($2)
  UNION ALL
  SELECT 'dataset_version', id, name || '/' || version || ' (' || CASE WHEN sealed THEN 'sealed ' ELSE '' END || format || ' data)' FROM dataset_versions WHERE project_id = $1 AND id = ANY($2)
  UNION ALL
  SELECT 'model_version', id, name || '/' || version || ' (' || kind || ')' FROM model_versions WHERE project_id = $1 AND id = ANY($2)
  UNION ALL
  SELECT 'fine_tune_job', id, register_as || ' (' || method || ' job)' FROM fine_tune_jobs WHERE project_id = $1 AND id = ANY($2)
  UNION ALL
  SELECT 'evaluation_run', run.id, suite.name || ' (evaluation)' FROM evaluation_runs run JOIN evaluation_suites suite ON suite.id = run.suite_id WHERE run.project_id = $1 AND run.id = ANY($2)
  UNION ALL
  SELECT 'deployment', id, name || ' (deployment)' FROM deployments WHERE project_id = $1 AND id = ANY($2)`;

/** UNION drops edges already seen, so that the walk ends even on a cycle. */
const walk = (direction: 'up' | 'down') => `
  WITH RECURSIVE reached AS (
    SELECT edge.* FROM lineage_edges edge WHERE edge.project_id = $1 AND edge.${direction === 'up' ? 'to_id' : 'from_id'} = $2
    UNION
    SELECT edge.* FROM lineage_edges edge JOIN reached ON ${direction === 'up' ? 'edge.to_id = reached.from_id' : 'edge.from_id = reached.to_id'}
    WHERE edge.project_id = $1
  )
  SELECT from_type AS "fromType", from_id AS "fromId", to_type AS "toType", to_id AS "toId", relation FROM reached ORDER BY created_at, id`;

/** For each node of $2: of what came of it, at most $3, counted by type, with the $4 newest ids of each. Ids are time-ordered. */
const BELOW = `
  SELECT start.id AS "of", reached.type, count(*)::int AS count, (array_agg(reached.id ORDER BY reached.id DESC))[1:$4] AS newest
  FROM unnest($2::text[]) AS start (id) CROSS JOIN LATERAL (
    WITH RECURSIVE below AS (
      SELECT edge.to_type AS type, edge.to_id AS id FROM lineage_edges edge WHERE edge.project_id = $1 AND edge.from_id = start.id
      UNION
      SELECT edge.to_type, edge.to_id FROM lineage_edges edge JOIN below ON edge.from_id = below.id WHERE edge.project_id = $1
    ) SELECT type, id FROM below LIMIT $3
  ) AS reached GROUP BY start.id, reached.type ORDER BY reached.type`;

/** Of what came of a node, those of one type. */
export interface LineageCountRow {
  of: string;
  type: LineageNodeType;
  count: number;
  newest: string[];
}

@Injectable()
export class LineageRepository {
  constructor(private readonly database: Database) {}

  async add(ctx: RequestContext, edges: LineageEdgeRow[]): Promise<void> {
    await this.database.manager(ctx).createQueryBuilder().insert().into(LineageEdgeEntity)
      .values(edges.map((edge) => ({ ...edge, id: newId('edge'), projectId: ctx.projectId }))).orIgnore().execute();
  }

  /** Edges reachable from a node, oldest first. */
  walk(ctx: RequestContext, id: string, direction: 'up' | 'down'): Promise<LineageEdgeRow[]> {
    return this.database.manager(ctx).query<LineageEdgeRow[]>(walk(direction), [ctx.projectId, id]);
  }

  /** What came of nodes, counted; the walk from each ends after `limit` nodes. */
  below(ctx: RequestContext, ids: readonly string[], limit: number, newest: number): Promise<LineageCountRow[]> {
    return this.database.manager(ctx).query<LineageCountRow[]>(BELOW, [ctx.projectId, ids, limit, newest]);
  }

  describe(ctx: RequestContext, ids: string[]): Promise<LineageNodeRow[]> {
    return this.database.manager(ctx).query<LineageNodeRow[]>(DESCRIBE, [ctx.projectId, ids]);
  }
}
