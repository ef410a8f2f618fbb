import { Injectable } from '@nestjs/common';
import { batched, byParent } from '../common/batched.js';
import { notFound } from '../common/errors.js';
import type { RequestContext } from '../common/request-context.js';
import { LineageRepository, type LineageNodeRow } from './lineage.repository.js';
import type { LineageNodeType, LineageRelation } from './model.entity.js';

export interface LineageRef {
  type: LineageNodeType;
  id: string;
}

export interface LineageEdge {
  from: LineageRef;
  to: LineageRef;
  relation: LineageRelation;
}

export interface Lineage {
  nodes: LineageNodeRow[];
  edges: { from: string; to: string; relation: LineageRelation }[];
}

/** What came of a node, at any distance, of one type. */
export interface LineageUse {
  type: LineageNodeType;
  count: number;
  newest: LineageNodeRow[];
}

/** Where the walk down from a node ends; a count that it ended is this high in sum. */
export const MAX_USE = 10_000;
/** Shown of each type. */
const NEWEST = 10;

/** What came of what: a graph over the typed ids of all features. */
@Injectable()
export class LineageService {
  /** What came of a node, by type, the newest of each first. Counts MAX_USE nodes at most. */
  readonly useOf = batched<string, LineageUse[]>(async (ctx, ids) => {
    const rows = await this.lineage.below(ctx, ids, MAX_USE, NEWEST);
    const described = new Map((await this.lineage.describe(ctx, [...new Set(rows.flatMap((row) => row.newest))])).map((node) => [node.id, node]));
    return byParent(ids, rows.map(({ newest, ...row }) => ({ ...row, newest: newest.flatMap((id) => described.get(id) ?? []) })), (row) => row.of);
  });

  constructor(private readonly lineage: LineageRepository) {}

  /** Adds edges in the caller's transaction; an edge that is there already stays as it is. */
  async link(ctx: RequestContext, edges: LineageEdge[]): Promise<void> {
    if (edges.length === 0) return;
    await this.lineage.add(ctx, edges.map(({ from, to, relation }) => (
      { fromType: from.type, fromId: from.id, toType: to.type, toId: to.id, relation })));
  }

  /**
   * Everything a node came from (`up`) or that came of it (`down`), the node included.
   * @throws DomainError not_found.
   */
  async trace(ctx: RequestContext, start: LineageRef, direction: 'up' | 'down'): Promise<Lineage> {
    await this.assertExists(ctx, [start]);
    const edges = await this.lineage.walk(ctx, start.id, direction);
    const ids = [...new Set([start.id, ...edges.flatMap((edge) => [edge.fromId, edge.toId])])];
    const described = new Map((await this.lineage.describe(ctx, ids)).map((node) => [node.id, node]));
    return {
      nodes: ids.flatMap((id) => described.get(id) ?? []),
      edges: edges.filter(({ fromId, toId }) => described.has(fromId) && described.has(toId)).map(({ fromId, toId, relation }) => ({ from: fromId, to: toId, relation })),
    };
  }

  /** @throws DomainError not_found naming the first that the project does not have. */
  async assertExists(ctx: RequestContext, refs: LineageRef[]): Promise<void> {
    const found = await this.lineage.describe(ctx, refs.map((ref) => ref.id));
    const missing = refs.find((ref) => !found.some((node) => node.id === ref.id && node.type === ref.type));
    if (missing) throw notFound(missing.type.replaceAll('_', ' '), missing.id);
  }
}
