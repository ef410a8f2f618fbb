import { buildSchema, type GraphQLField, type GraphQLObjectType, isObjectType } from 'graphql';
import { createClient } from 'graphql-ws';
import { readFileSync } from 'node:fs';
import WebSocket from 'ws';
import type { Gateway } from './gateway.js';
import { argument, fieldsOf, leavesOf, type Operation, OperationBuilder, type Pick, type RootKind, wayTo } from './schema-operations.js';
import { type Place, PLACES } from './tenant-places.js';
import type { World } from './tenant-world.js';

export const SCHEMA = buildSchema(readFileSync('schema.graphql', 'utf8'), { assumeValidSDL: true });
const placesAt = (coordinate: string): Place[] => [PLACES[coordinate] ?? []].flat();

/** A field called with the other tenant's thing at one coordinate, everything else being the caller's own. */
export interface Attack {
  title: string;
  kind: RootKind;
  field: GraphQLField<unknown, unknown>;
  place: 'reference' | 'fresh';
  /** The operation with `at(world)` at that coordinate, or never-existing things made of it by `change`. */
  operation: (own: World, at: World, change?: <T>(value: T) => T) => Operation;
}

/** The value at a coordinate that is not attacked. */
const ordinary = (own: World, beside: Record<string, Place> = {}): Pick => (coordinate) => (beside[coordinate] ?? placesAt(coordinate)[0])?.of(own);

const operationOn = (kind: RootKind, field: GraphQLField<unknown, unknown>, pick: Pick, needed: string[]): Operation =>
  new OperationBuilder(SCHEMA, pick, new Set(needed), 1).root(kind, field);

function attacksOn(kind: RootKind, field: GraphQLField<unknown, unknown>): Attack[] {
  const leaves = [...new Set(field.args.flatMap((arg) => leavesOf(argument(kind, field.name, arg.name), arg.type)))];
  const single = leaves.flatMap((coordinate) => placesAt(coordinate).flatMap((place, index): Attack[] => (place.kind === 'free' ? [] : [{
    title: `${kind}.${field.name} with ${coordinate}${index > 0 ? `, ${index + 1}` : ''}`, kind, field, place: place.kind,
    operation: (own, at, change = (value) => value) => operationOn(kind, field,
      (each) => (each === coordinate ? change(place.of(at)) : ordinary(own, place.beside)(each)), [coordinate, ...Object.keys(place.beside)]),
  }])));
  const references = leaves.filter((coordinate) => placesAt(coordinate)[0]?.kind === 'reference');
  const all: Attack[] = references.length < 2 ? [] : [{
    title: `${kind}.${field.name} with all of them`, kind, field, place: 'reference',
    operation: (own, at, change = (value) => value) => operationOn(kind, field,
      (each) => (references.includes(each) ? change(placesAt(each)[0]!.of(at)) : ordinary(own)(each)), []),
  }];
  return [...single, ...all];
}

export const ATTACKS: Attack[] = (['Query', 'Mutation', 'Subscription'] as const).flatMap((kind) => fieldsOf(SCHEMA, kind).flatMap((field) => attacksOn(kind, field)));

/** Reads what a tenant may see: a query field with the tenant's own things, and all that hangs from it. */
export function reading(field: GraphQLField<unknown, unknown>, own: World): { operation: Operation; reached: Set<string> } {
  const builder = new OperationBuilder(SCHEMA, ordinary(own), new Set(), 3);
  return { operation: builder.root('Query', field), reached: builder.reached };
}

/** Fields that page, `Type.field`, with the operation that reads a page after a cursor; null reads the first. */
export const PAGED = (Object.values(SCHEMA.getTypeMap()).filter((type) => isObjectType(type)) as GraphQLObjectType[])
  .flatMap((type) => Object.values(type.getFields()).filter((field) => field.args.some(({ name }) => name === 'after') && type.name !== 'Subscription').map((field) => ({
    title: `${type.name}.${field.name}`,
    operation: (own: World, after: string | null): Operation => {
      const way = wayTo(SCHEMA, type, field);
      if (!way) throw new Error(`No query leads to ${type.name}.${field.name}`);
      const coordinate = argument(type.name, field.name, 'after');
      return new OperationBuilder(SCHEMA, (each) => (each === coordinate ? after ?? undefined : ordinary(own)(each)), new Set(), 1).along(way);
    },
  })));

/** What a caller sees of an answer; headers that differ by nature from call to call are left out. */
export async function answerTo(path: string, init: RequestInit, gateway: Gateway): Promise<{ status: number; headers: string; body: string }> {
  const response = await gateway.fetch(path, init);
  const headers = [...response.headers].filter(([name]) => !/^(date|content-length|connection|keep-alive|x-ratelimit-.*)$/.test(name));
  return { status: response.status, headers: JSON.stringify(headers.sort()), body: await response.text() };
}

export const runOperation = (operation: Operation, gateway: Gateway): ReturnType<typeof answerTo> =>
  answerTo('/graphql', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(operation) }, gateway);

/** The first message of a subscription: data, errors, or that it is over. */
export async function firstMessage(operation: Operation, gateway: Gateway): Promise<string> {
  const client = createClient({
    url: `${gateway.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, connectionParams: { Authorization: `Bearer ${gateway.key}` }, retryAttempts: 0,
  });
  try {
    const messages = client.iterate({ query: operation.query, variables: operation.variables });
    return await messages.next().then((message) => JSON.stringify(message), (errors: unknown) => JSON.stringify({ errors }));
  } finally {
    await client.dispose();
  }
}
