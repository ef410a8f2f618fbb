import type { Type } from '@nestjs/common';
import { ArgsType, Field, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { Type as TypeOf } from 'class-transformer';
import { IsDate, IsIn, IsInt, IsOptional, IsString, Max, Min, ValidateNested } from 'class-validator';
import { DomainError } from './errors.js';

@ObjectType({ description: 'Relay page information.' })
export class PageInfo {
  @Field({ description: 'Whether there is more after this page.' }) hasNextPage: boolean;
  @Field({ description: 'Whether there is more before this page.' }) hasPreviousPage: boolean;
  @Field(() => String, { nullable: true, description: 'Pass as `before` for the page before.' }) startCursor: string | null;
  @Field(() => String, { nullable: true, description: 'Pass as `after` for the next page.' }) endCursor: string | null;
}

/** Pages of what has one order only, read forwards. */
@ArgsType()
export class PageArgs {
  @Field(() => Int, { defaultValue: 50, description: 'Page size, 1–500.' })
  @Min(1) @Max(500)
  first: number = 50;

  @Field(() => String, { nullable: true, description: '`endCursor` of the page before.' })
  @IsOptional() @IsString()
  after?: string | null;
}

/** Relay's page arguments, forwards and backwards. */
@ArgsType()
export class KeysetArgs {
  @Field(() => Int, { nullable: true, description: 'Page size from the start or after `after`, 1–500. Default: 50.' })
  @IsOptional() @IsInt() @Min(1) @Max(500)
  first?: number | null;

  @Field(() => String, { nullable: true, description: 'A cursor of the same ordering: the page after it.' })
  @IsOptional() @IsString()
  after?: string | null;

  @Field(() => Int, { nullable: true, description: 'Page size from the end or before `before`, 1–500; not with `first`.' })
  @IsOptional() @IsInt() @Min(1) @Max(500)
  last?: number | null;

  @Field(() => String, { nullable: true, description: 'A cursor of the same ordering: the page before it.' })
  @IsOptional() @IsString()
  before?: string | null;
}

export const OrderDirectionEnum = { asc: 'asc', desc: 'desc' } as const;
export type OrderDirection = keyof typeof OrderDirectionEnum;
registerEnumType(OrderDirectionEnum, { name: 'OrderDirection', description: 'asc: the least, or oldest, first. desc: the other way round.' });

/** What a list is sorted by; equal keys by id. */
export interface Order<F extends string> {
  field: F;
  direction: OrderDirection;
}

/** Arguments of a list with a filter and an order. */
export interface ListArgs<Filter extends object, F extends string> extends KeysetArgs {
  filter?: Filter | null;
  orderBy?: Order<F> | null;
}

@InputType()
export class CreatedFilter {
  @Field(() => Date, { nullable: true, description: 'Made after then.' }) @IsOptional() @IsDate() createdAfter?: Date | null;
  @Field(() => Date, { nullable: true, description: 'Made before then.' }) @IsOptional() @IsDate() createdBefore?: Date | null;
}

@InputType()
export class NamedFilter extends CreatedFilter {
  @Field(() => String, { nullable: true, description: 'Names that start so, such as a folder with its slash.' }) @IsOptional() @IsString() namePrefix?: string | null;
  @Field(() => String, { nullable: true, description: 'Names that hold this, in either case.' }) @IsOptional() @IsString() nameContains?: string | null;
}

/**
 * Makes the arguments of a list: pages, `filter` and `orderBy`; extend it with a class under `@ArgsType()`.
 * @param name of the node type; the inputs are called `<Node>Order` and `<Node>OrderField`
 * @param fields what it may be sorted by; the first is the default, and newest or highest first
 */
export function listArgsOf<Filter extends object, F extends string>(
  name: string, filter: Type<Filter>, fields: readonly [F, ...F[]], fallback: OrderDirection = 'desc',
): Type<ListArgs<Filter, F>> {
  const FieldEnum: object = Object.fromEntries(fields.map((field) => [field, field]));
  registerEnumType(FieldEnum, { name: `${name}OrderField`, description: 'What the list may be sorted by.' });

  @InputType(`${name}Order`, { description: 'How the list is sorted; equal ones by id.' })
  class OrderInput implements Order<F> {
    @Field(() => FieldEnum, { defaultValue: fields[0], description: 'By what.' }) @IsIn(fields as readonly string[]) field: F = fields[0];
    @Field(() => OrderDirectionEnum, { defaultValue: fallback, description: 'Which end comes first.' }) @IsIn(Object.keys(OrderDirectionEnum)) direction: OrderDirection = fallback;
  }
  @ArgsType()
  class Args extends KeysetArgs implements ListArgs<Filter, F> {
    @Field(() => filter, { nullable: true, description: 'Which of them; by default all.' }) @IsOptional() @ValidateNested() @TypeOf(() => filter) filter?: Filter | null;
    @Field(() => OrderInput, { nullable: true, description: `By default by ${fields[0]}, ${fallback}.` }) @IsOptional() @ValidateNested() @TypeOf(() => OrderInput) orderBy?: OrderInput | null;
  }
  return Args;
}

export interface Page<T> {
  edges: { cursor: string; node: T }[];
  nodes: T[];
  pageInfo: PageInfo;
}

/** Makes the Relay connection type of a node type; its name is `<Node>Connection`. */
export function connectionOf<T>(node: Type<T>, name: string): Type<Page<T>> {
  @ObjectType(`${name}Edge`, { description: 'A node of a page, and where it is in the list.' })
  class Edge {
    @Field({ description: 'Pass as `after` or `before` for what comes after or before it.' }) cursor: string;
    @Field(() => node, { description: 'The node itself.' }) node: T;
  }
  @ObjectType(`${name}Connection`, { description: 'A page of a list.' })
  class Connection implements Page<T> {
    @Field(() => [Edge], { description: 'The nodes with their cursors.' }) edges: Edge[];
    @Field(() => [node], { description: 'The nodes of `edges`, for clients that need no cursors.' }) nodes: T[];
    @Field(() => PageInfo, { description: 'What comes before and after.' }) pageInfo: PageInfo;
  }
  return Connection;
}

/** Opaque cursor of a sort key. */
export const encodeCursor = (key: string | number): string => Buffer.from(String(key)).toString('base64url');

/** @throws DomainError bad_input when the cursor was not made by `encodeCursor`. */
export function decodeCursor(cursor: string, param = 'after'): string {
  const key = Buffer.from(cursor, 'base64url').toString();
  if (key === '' || encodeCursor(key) !== cursor) {
    throw new DomainError('bad_input', `${JSON.stringify(cursor)} is not a cursor; pass the endCursor of an earlier page.`, param);
  }
  return key;
}

/** Cuts `first + 1` fetched rows into a page; `key` is the sort key that the next page starts after. */
export function toPage<T>(rows: T[], first: number, key: (row: T) => string | number, after: string | null | undefined = null): Page<T> {
  const edges = rows.slice(0, first).map((node) => ({ cursor: encodeCursor(key(node)), node }));
  return pageOf(edges, { hasNextPage: rows.length > first, hasPreviousPage: after != null });
}

/** The same page of something made of its nodes. */
export function mapNodes<T, U>({ edges, pageInfo }: Page<T>, map: (node: T) => U): Page<U> {
  return pageOf(edges.map(({ cursor, node }) => ({ cursor, node: map(node) })), pageInfo);
}

export function pageOf<T>(edges: Page<T>['edges'], more: Pick<PageInfo, 'hasNextPage' | 'hasPreviousPage'>): Page<T> {
  return {
    edges, nodes: edges.map((edge) => edge.node),
    pageInfo: { ...more, startCursor: edges[0]?.cursor ?? null, endCursor: edges.at(-1)?.cursor ?? null },
  };
}
