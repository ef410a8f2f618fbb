import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { DomainError } from '../common/errors.js';
import { type CreatedFilter, decodeCursor, encodeCursor, type ListArgs, type NamedFilter, type Order, type OrderDirection, type Page, pageOf } from '../common/pagination.js';

/** What a list may be sorted by: an expression that is never null, and the same of a row. Equal keys go by id. */
export interface SortKey<E> {
  /** SQL over the query's alias, such as `prompt.name`. */
  sql: string;
  of: (row: E) => string | number;
  /** Postgres type of the expression. */
  type: 'text' | 'bigint' | 'float8';
}

/** The ways to sort a list, the default first. */
export type SortKeys<E, F extends string> = Record<F, SortKey<E>>;

interface Row extends ObjectLiteral {
  id: string;
}

const DEFAULT_PAGE = 50;

/** Ids are time-ordered, so that to sort by id is to sort by creation. */
export const byCreation = (alias: string): SortKey<Row> => ({ sql: `${alias}.id`, of: (row) => row.id, type: 'text' });

/** Adds the conditions whose `:value` was given. */
export function narrow<E extends ObjectLiteral>(query: SelectQueryBuilder<E>, conditions: Record<string, unknown>): SelectQueryBuilder<E> {
  Object.entries(conditions).forEach(([condition, value], index) => {
    if (value != null) query.andWhere(condition.replaceAll(':value', `:narrow${index}`), { [`narrow${index}`]: value });
  });
  return query;
}

/** Conditions of NamedFilter and CreatedFilter. */
export const named = (alias: string, filter: NamedFilter | null | undefined) => ({
  [`starts_with(${alias}.name, :value)`]: filter?.namePrefix,
  [`strpos(lower(${alias}.name), lower(:value)) > 0`]: filter?.nameContains,
  ...created(alias, filter),
});

export const created = (alias: string, filter: CreatedFilter | null | undefined) => ({
  [`${alias}.createdAt > :value`]: filter?.createdAfter,
  [`${alias}.createdAt < :value`]: filter?.createdBefore,
});

/**
 * One page of a query, in one statement.
 * @param fallback direction when the caller asks for no order
 * @throws DomainError bad_input for a cursor of another ordering, or `first` with `last`.
 */
export async function keysetPage<E extends Row, F extends string>(query: SelectQueryBuilder<E>, keys: SortKeys<E, F>, args: ListArgs<object, F>, fallback: OrderDirection = 'desc'): Promise<Page<E>> {
  const plan = new KeysetPlan(keys, args, fallback);
  plan.bound(query);
  query.orderBy(plan.key.sql, plan.sqlDirection).addOrderBy(`${query.alias}.id`, plan.sqlDirection).limit(plan.size + 1);
  return plan.page(await query.getMany());
}

/** One page for each parent, in one statement; a parent without rows has an empty page. */
export async function keysetPages<E extends Row, F extends string>(
  query: SelectQueryBuilder<E>, parent: keyof E & string, parentIds: readonly string[], keys: SortKeys<E, F>, args: ListArgs<object, F>,
  fallback: OrderDirection = 'desc',
): Promise<Map<string, Page<E>>> {
  const plan = new KeysetPlan(keys, args, fallback);
  const { alias } = query;
  plan.bound(query);
  // LATERAL: of each parent's rows only a page is read, along an index where there is one.
  const own = query.clone().select(`${alias}.id`, 'id').andWhere(`${alias}.${parent} = parent.id`)
    .orderBy(plan.key.sql, plan.sqlDirection).addOrderBy(`${alias}.id`, plan.sqlDirection).limit(plan.size + 1);
  const rows = await query.clone()
    .where(`${alias}.id IN (SELECT page.id FROM unnest(CAST(:parentIds AS text[])) AS parent (id) CROSS JOIN LATERAL (${own.getQuery()}) AS page)`)
    .setParameters({ ...own.getParameters(), parentIds })
    .orderBy(plan.key.sql, plan.sqlDirection).addOrderBy(`${alias}.id`, plan.sqlDirection).getMany();
  const byParent = new Map(parentIds.map((id) => [id, [] as E[]]));
  for (const row of rows) byParent.get(row[parent])?.push(row);
  return new Map(Array.from(byParent, ([id, own]) => [id, plan.page(own)]));
}

/** How a page is read: forwards, or backwards and then turned round. */
class KeysetPlan<E extends Row, F extends string> {
  readonly key: SortKey<E>;
  readonly size: number;
  private readonly order: Order<F>;
  private readonly backwards: boolean;

  constructor(keys: SortKeys<E, F>, private readonly args: ListArgs<object, F>, fallback: OrderDirection) {
    if (args.first != null && args.last != null) throw new DomainError('bad_input', 'Ask for the first or the last of a list, not both.', 'last');
    this.order = { field: Object.keys(keys)[0] as F, direction: fallback, ...args.orderBy };
    this.key = keys[this.order.field];
    this.backwards = args.last != null;
    this.size = args.last ?? args.first ?? DEFAULT_PAGE;
  }

  get sqlDirection(): 'ASC' | 'DESC' {
    return (this.order.direction === 'asc') === this.backwards ? 'DESC' : 'ASC';
  }

  /** Keeps the query between the cursors. */
  bound(query: SelectQueryBuilder<E>): void {
    this.side(query, 'after', this.order.direction === 'asc' ? '>' : '<');
    this.side(query, 'before', this.order.direction === 'asc' ? '<' : '>');
  }

  page(rows: E[]): Page<E> {
    const more = rows.length > this.size;
    const kept = rows.slice(0, this.size);
    if (this.backwards) kept.reverse();
    const edges = kept.map((node) => ({ node, cursor: encodeCursor(JSON.stringify([this.tag, String(this.key.of(node)), node.id])) }));
    return pageOf(edges, this.backwards
      ? { hasPreviousPage: more, hasNextPage: this.args.before != null }
      : { hasNextPage: more, hasPreviousPage: this.args.after != null });
  }

  private get tag(): string {
    return `${this.order.field} ${this.order.direction}`;
  }

  private side(query: SelectQueryBuilder<E>, param: 'after' | 'before', compare: '<' | '>'): void {
    const cursor = this.args[param];
    if (cursor == null) return;
    const [key, id] = this.decode(cursor, param);
    const idSql = `${query.alias}.id`;
    query.andWhere(this.key.sql === idSql ? `${idSql} ${compare} :${param}Id`
      : `(${this.key.sql}, ${idSql}) ${compare} (CAST(:${param}Key AS ${this.key.type}), :${param}Id)`, { [`${param}Key`]: key, [`${param}Id`]: id });
  }

  private decode(cursor: string, param: string): [key: string, id: string] {
    let parts: unknown;
    try {
      parts = JSON.parse(decodeCursor(cursor, param));
    } catch {
      parts = null;
    }
    if (Array.isArray(parts) && parts[0] === this.tag && typeof parts[1] === 'string' && typeof parts[2] === 'string'
      && (this.key.type === 'text' || Number.isFinite(Number(parts[1])))) return [parts[1], parts[2]];
    throw new DomainError('bad_input', `${JSON.stringify(cursor)} is not a cursor of this list ordered by ${this.tag}; pass a cursor of an earlier page with the same orderBy.`, param);
  }
}
