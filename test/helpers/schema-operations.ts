import {
  type GraphQLArgument, type GraphQLField, type GraphQLInputType, type GraphQLNamedType, type GraphQLObjectType, type GraphQLSchema, getNamedType,
  getNullableType, isAbstractType, isInputObjectType, isListType, isNonNullType, isObjectType,
} from 'graphql';

export type RootKind = 'Query' | 'Mutation' | 'Subscription';
export interface Operation {
  query: string;
  variables: Record<string, unknown>;
}
/** What to send at a schema coordinate; undefined leaves an optional value out. */
export type Pick = (coordinate: string) => unknown;

export const argument = (type: string, field: string, name: string): string => `${type}.${field}(${name}:)`;
export const fieldsOf = (schema: GraphQLSchema, kind: RootKind): GraphQLField<unknown, unknown>[] => Object.values(schema.getType(kind) ? (schema.getType(kind) as GraphQLObjectType).getFields() : {});

/** Coordinates of the values that an argument holds: itself, or the leaves of its input object. */
export function leavesOf(coordinate: string, type: GraphQLInputType, seen: string[] = []): string[] {
  const named = getNamedType(type);
  if (!isInputObjectType(named)) return [coordinate];
  if (seen.includes(named.name)) return [];
  return Object.values(named.getFields()).flatMap((field) => leavesOf(`${named.name}.${field.name}`, field.type, [...seen, named.name]));
}

/** Every coordinate of the schema that takes a value from the caller. */
export function coordinatesOf(schema: GraphQLSchema): string[] {
  const objects = Object.values(schema.getTypeMap()).filter((type) => isObjectType(type) && !type.name.startsWith('__')) as GraphQLObjectType[];
  const all = objects.flatMap((type) => Object.values(type.getFields()).flatMap((field) => field.args.flatMap((arg) => leavesOf(argument(type.name, field.name, arg.name), arg.type))));
  return [...new Set(all)].sort();
}

/** Builds operations on fields; the values of all their arguments are variables. */
export class OperationBuilder {
  private readonly declared: string[] = [];
  private readonly variables: Record<string, unknown> = {};
  /** `Type.field` of each field selected. */
  readonly reached = new Set<string>();

  /**
   * @param needed coordinates that must be sent: optional input objects are left out unless they hold one of them
   * @param depth levels of objects below a root field, or below `at`
   * @param at `Type.field` and its selection is all that is wanted, reached by the shortest way from a query
   */
  constructor(
    private readonly schema: GraphQLSchema,
    private readonly pick: Pick,
    private readonly needed: ReadonlySet<string> = new Set(),
    private readonly depth = 2,
  ) {}

  root(kind: RootKind, field: GraphQLField<unknown, unknown>): Operation {
    return this.operation(kind, this.call(kind, field, this.depth));
  }

  /** A query down a way of fields, the last with its selection. */
  along(way: { type: GraphQLObjectType; field: GraphQLField<unknown, unknown> }[]): Operation {
    const last = way.at(-1)!;
    const body = way.slice(0, -1).reduceRight((inner, { type, field }) => `${field.name}${this.args(type.name, field)} { ${inner} }`, this.call(last.type.name, last.field, this.depth));
    return this.operation('Query', body);
  }

  private operation(kind: RootKind, body: string): Operation {
    return { query: `${kind.toLowerCase()}${this.declared.length > 0 ? ` (${this.declared.join(', ')})` : ''} { ${body} }`, variables: this.variables };
  }

  private call(owner: string, field: GraphQLField<unknown, unknown>, depth: number): string {
    this.reached.add(`${owner}.${field.name}`);
    return `${field.name}${this.args(owner, field)}${this.selection(getNamedType(field.type), depth)}`;
  }

  private args(owner: string, field: GraphQLField<unknown, unknown>): string {
    const given = field.args.flatMap((arg) => this.arg(owner, field, arg) ?? []);
    return given.length > 0 ? `(${given.join(', ')})` : '';
  }

  private arg(owner: string, field: GraphQLField<unknown, unknown>, arg: GraphQLArgument): string | undefined {
    const value = this.value(argument(owner, field.name, arg.name), arg.type);
    if (value === undefined) return undefined;
    const name = `v${this.declared.length}`;
    this.declared.push(`$${name}: ${String(arg.type)}`);
    this.variables[name] = value;
    return `${arg.name}: $${name}`;
  }

  private value(coordinate: string, type: GraphQLInputType): unknown {
    const named = getNamedType(type);
    const isList = isListType(getNullableType(type));
    if (!isInputObjectType(named)) {
      const value = this.pick(coordinate);
      return isList && value !== undefined && !Array.isArray(value) ? [value] : value;
    }
    if (!isNonNullType(type) && !leavesOf(coordinate, type).some((leaf) => this.needed.has(leaf))) return undefined;
    const object = Object.fromEntries(Object.values(named.getFields()).map((field) => [field.name, this.value(`${named.name}.${field.name}`, field.type)]));
    return isList ? [object] : object;
  }

  private selection(type: GraphQLNamedType, depth: number): string {
    if (isAbstractType(type)) {
      // Fields of several types may share a name and differ in type, which aliases keep apart.
      const parts = this.schema.getPossibleTypes(type).map((each) => `... on ${each.name} ${this.fields(each, depth - 1, `${each.name}_`)}`);
      return ` { __typename ${parts.join(' ')} }`;
    }
    return isObjectType(type) ? ` ${this.fields(type, depth)}` : '';
  }

  private fields(type: GraphQLObjectType, depth: number, alias = ''): string {
    // A connection tells its nodes twice; once with all their fields is enough.
    const below = (name: string) => (type.name.endsWith('Edge') && name === 'node' ? 0 : isPlumbing(type) ? depth : depth - 1);
    const chosen = Object.values(type.getFields()).filter((field) => !composite(field) || below(field.name) >= 0);
    return `{ __typename ${chosen.map((field) => `${alias && `${alias}${field.name}: `}${this.call(type.name, field, below(field.name))}`).join(' ')} }`;
  }
}

const composite = (field: GraphQLField<unknown, unknown>) => isObjectType(getNamedType(field.type)) || isAbstractType(getNamedType(field.type));
const isPlumbing = (type: GraphQLObjectType) => /(Connection|Edge)$/.test(type.name);

/** The shortest way from a query to a field of an object type; undefined when there is none. */
export function wayTo(schema: GraphQLSchema, target: GraphQLObjectType, field: GraphQLField<unknown, unknown>): { type: GraphQLObjectType; field: GraphQLField<unknown, unknown> }[] | undefined {
  const query = schema.getQueryType()!;
  const queue: { type: GraphQLObjectType; way: { type: GraphQLObjectType; field: GraphQLField<unknown, unknown> }[] }[] = [{ type: query, way: [] }];
  const seen = new Set<string>();
  for (let next = queue.shift(); next; next = queue.shift()) {
    if (next.type === target) return [...next.way, { type: target, field }];
    for (const each of Object.values(next.type.getFields())) {
      const named = getNamedType(each.type);
      if (!isObjectType(named) || seen.has(named.name)) continue;
      seen.add(named.name);
      queue.push({ type: named, way: [...next.way, { type: next.type, field: each }] });
    }
  }
  return undefined;
}

/** `Type.field` of every field that some query leads to. */
export const readable = (schema: GraphQLSchema): string[] => (Object.values(schema.getTypeMap()).filter((type) => isObjectType(type)) as GraphQLObjectType[])
  .flatMap((type) => Object.values(type.getFields()).filter((field) => !type.name.startsWith('__') && wayTo(schema, type, field)).map((field) => `${type.name}.${field.name}`));
