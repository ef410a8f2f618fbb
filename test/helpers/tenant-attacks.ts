import { buildSchema, type GraphQLField } from 'graphql';
import { createClient } from 'graphql-ws';
import { readFileSync } from 'node:fs';
import WebSocket from 'ws';
import type { Gateway } from './gateway.js';
import { argument, fieldsOf, isComposite, isPlumbing, leavesOf, nameOf, type Operation, OperationBuilder, type Pick, type RootKind, waysIn } from './schema-operations.js';
import type { Place } from './tenant-place.js';
import { PLACES } from './tenant-places.js';
import type { World } from './tenant-world.js';

export const SCHEMA = buildSchema(readFileSync('schema.graphql', 'utf8'), { assumeValidSDL: true });
const placesAt = (coordinate: string): Place[] => [PLACES[coordinate] ?? []].flat();

/** A field called with the other tenant's thing at one coordinate, everything else being the caller's own. */
export interface Attack {
  title: string;
  kind: RootKind;
  /** `Type.field`. */
  field: string;
  place: 'reference' | 'fresh';
  /** The operation with `at(world)` at that coordinate, or never-existing things made of it by `change`. */
  operation: (own: World, at: World, change?: <T>(value: T) => T) => Operation;
}

/** The value at a coordinate that is not attacked. */
const ordinary = (own: World, beside: Record<string, Place> = {}): Pick => (coordinate) => (beside[coordinate] ?? placesAt(coordinate)[0])?.of(own);

type Build = (pick: Pick, needed: string[]) => Operation;

function attacksOn(kind: RootKind, owner: string, field: GraphQLField<unknown, unknown>, build: Build): Attack[] {
  const leaves = [...new Set(field.args.flatMap((arg) => leavesOf(argument(owner, field.name, arg.name), arg.type)))];
  const name = `${owner}.${field.name}`;
  const single = leaves.flatMap((coordinate) => placesAt(coordinate).flatMap((place, index): Attack[] => (place.kind === 'free' ? [] : [{
    title: `${name} with ${coordinate}${index > 0 ? `, ${index + 1}` : ''}`, kind, field: name, place: place.kind,
    operation: (own, at, change = (value) => value) =>
      build((each) => (each === coordinate ? change(place.of(at)) : ordinary(own, place.beside)(each)), [coordinate, ...Object.keys(place.beside)]),
  }])));
  const references = leaves.filter((coordinate) => placesAt(coordinate)[0]?.kind === 'reference');
  const all: Attack[] = references.length < 2 ? [] : [{
    title: `${name} with all of them`, kind, field: name, place: 'reference',
    operation: (own, at, change = (value) => value) => build((each) => (references.includes(each) ? change(placesAt(each)[0]!.of(at)) : ordinary(own)(each)), references),
  }];
  return [...single, ...all];
}

const builder = (pick: Pick, needed: string[] = []) => new OperationBuilder(SCHEMA, pick, new Set(needed), 1);
const ofRoots = (['Query', 'Mutation', 'Subscription'] as const).flatMap((kind) => fieldsOf(SCHEMA, kind).flatMap((field) =>
  attacksOn(kind, kind, field, (pick, needed) => builder(pick, needed).root(kind, field))));
const WAYS = waysIn(SCHEMA);
const ofOthers = WAYS.filter((way) => way.length > 1).flatMap((way) =>
  attacksOn('Query', way.at(-1)!.type.name, way.at(-1)!.field, (pick, needed) => builder(pick, needed).along(way)));

export const ATTACKS: Attack[] = [...ofRoots, ...ofOthers];

/** Reads what a tenant may see: each field that holds things, with the tenant's own, and the fields of those. */
export const READINGS = WAYS.filter((way) => way.length === 1 || (isComposite(way) && !isPlumbing(way.at(-1)!.type))).map((way) => ({
  field: nameOf(way),
  of: (own: World): { operation: Operation; reached: Set<string> } => {
    const operation = builder(ordinary(own));
    return { operation: operation.along(way), reached: operation.reached };
  },
}));
/** `Type.field` of each field that can be read. */
export const READABLE = WAYS.map(nameOf);

/** Each cursor that a field takes, with the operation that reads a page after or before one; null reads the first. */
export const PAGED = WAYS.flatMap((way) => way.at(-1)!.field.args.filter(({ name }) => ['after', 'before'].includes(name)).map(({ name }) => ({
  title: `${nameOf(way)} ${name} a cursor`,
  field: nameOf(way),
  operation: (own: World, cursor: string | null): Operation => {
    const coordinate = argument(way.at(-1)!.type.name, way.at(-1)!.field.name, name);
    return builder((each) => (each === coordinate ? cursor ?? undefined : ordinary(own)(each))).along(way);
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
