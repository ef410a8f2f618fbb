import { In, type EntityManager, type EntityTarget, type ObjectLiteral, type QueryDeepPartialEntity } from 'typeorm';

/** What every long run has: its state, and the attempt that may write to it. */
export interface Run extends ObjectLiteral {
  id: string;
  projectId: string;
  status: string;
  attempt: number;
}

/** The rows a transition may touch. `attempt` fences: a worker whose claim was taken over touches none. */
export interface RunKey {
  id: string;
  projectId: string;
  attempt?: number;
}

/**
 * One conditional UPDATE: moves a run out of one of the states `from`, writing `set`.
 * @returns the row after the change, or null when the condition did not hold (another was first, or the fence).
 */
export async function transition<E extends Run>(
  tx: EntityManager,
  entity: EntityTarget<E>,
  key: RunKey,
  from: readonly E['status'][],
  set: QueryDeepPartialEntity<E>,
): Promise<E | null> {
  const where: Record<string, unknown> = { id: key.id, projectId: key.projectId, status: In([...from]) };
  if (key.attempt !== undefined) where['attempt'] = key.attempt;
  const result = await tx.createQueryBuilder().update(entity).set(set).where(where).execute();
  if (result.affected !== 1) return null;
  return tx.findOneByOrFail(entity, { id: key.id, projectId: key.projectId } as never);
}
