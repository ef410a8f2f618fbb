import { Injectable } from '@nestjs/common';
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

/** What came of what: a graph over the typed ids of all features. */
@Injectable()
export class LineageService {
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
