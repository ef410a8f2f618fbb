import { type DefinitionNode, type GraphQLSchema, isUnionType, Kind, type ObjectTypeDefinitionNode, parse, print, printSchema } from 'graphql';

const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key", "@shareable"])';
const FEDERATION = new Set(['_Any', '_Entity', '_Service', '_entities', '_service']);
/** Value types that other subgraphs of the Relay kind define too. */
const SHAREABLE = new Set(['PageInfo']);

/** The schema as a Federation 2 subgraph: without federation's own fields, with the keys of its entities. */
export function subgraphSdl(schema: GraphQLSchema): string {
  const union = schema.getType('_Entity');
  const entities = new Set(isUnionType(union) ? union.getTypes().map((type) => type.name) : []);
  const definitions = parse(printSchema(schema)).definitions
    .filter((definition) => !('name' in definition && FEDERATION.has(definition.name?.value ?? '')))
    .map((definition) => (definition.kind === Kind.OBJECT_TYPE_DEFINITION ? asSubgraphType(definition, entities) : definition));
  return `${LINK}\n\n${print({ kind: Kind.DOCUMENT, definitions })}\n`;
}

function asSubgraphType(type: ObjectTypeDefinitionNode, entities: Set<string>): DefinitionNode {
  const directive = entities.has(type.name.value) ? '@key(fields: "id")' : SHAREABLE.has(type.name.value) ? '@shareable' : '';
  const [marked] = parse(`type _ ${directive} { _: Int }`).definitions as [ObjectTypeDefinitionNode];
  return { ...type, directives: marked.directives ?? [], fields: (type.fields ?? []).filter((field) => !FEDERATION.has(field.name.value)) };
}
