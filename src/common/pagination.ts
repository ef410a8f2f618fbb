import type { Type } from '@nestjs/common';
import { ArgsType, Field, Int, ObjectType } from '@nestjs/graphql';
import { IsOptional, IsString, Max, Min } from 'class-validator';
import { DomainError } from './errors.js';

@ObjectType({ description: 'Relay page information.' })
export class PageInfo {
  @Field() hasNextPage: boolean;
  @Field(() => String, { nullable: true, description: 'Pass as `after` for the next page.' }) endCursor: string | null;
}

@ArgsType()
export class PageArgs {
  @Field(() => Int, { defaultValue: 50, description: 'Page size, 1–500.' })
  @Min(1) @Max(500)
  first: number = 50;

  @Field(() => String, { nullable: true, description: '`endCursor` of the page before.' })
  @IsOptional() @IsString()
  after?: string | null;
}

export interface Page<T> {
  edges: { cursor: string; node: T }[];
  nodes: T[];
  pageInfo: PageInfo;
}

/** Makes the Relay connection type of a node type; its name is `<Node>Connection`. */
export function connectionOf<T>(node: Type<T>, name: string): Type<Page<T>> {
  @ObjectType(`${name}Edge`)
  class Edge {
    @Field() cursor: string;
    @Field(() => node) node: T;
  }
  @ObjectType(`${name}Connection`)
  class Connection implements Page<T> {
    @Field(() => [Edge]) edges: Edge[];
    @Field(() => [node], { description: 'The nodes of `edges`, for clients that need no cursors.' }) nodes: T[];
    @Field(() => PageInfo) pageInfo: PageInfo;
  }
  return Connection;
}

/** Opaque cursor of a sort key. */
export const encodeCursor = (key: string | number): string => Buffer.from(String(key)).toString('base64url');

/** @throws DomainError bad_input when the cursor was not made by `encodeCursor`. */
export function decodeCursor(cursor: string): string {
  const key = Buffer.from(cursor, 'base64url').toString();
  if (key === '' || encodeCursor(key) !== cursor) {
    throw new DomainError('bad_input', `${JSON.stringify(cursor)} is not a cursor; pass the endCursor of an earlier page.`, 'after');
  }
  return key;
}

/** Cuts `first + 1` fetched rows into a page; `key` is the sort key that the next page starts after. */
export function toPage<T>(rows: T[], first: number, key: (row: T) => string | number): Page<T> {
  const nodes = rows.slice(0, first);
  const edges = nodes.map((node) => ({ cursor: encodeCursor(key(node)), node }));
  return { edges, nodes, pageInfo: { hasNextPage: rows.length > first, endCursor: edges.at(-1)?.cursor ?? null } };
}
