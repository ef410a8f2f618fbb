import { Args, Context, createUnionType, Field, Info, ObjectType, Query, Resolver, GraphQLSchemaHost, TypeMetadataStorage } from '@nestjs/graphql';
import { type GraphQLResolveInfo, GraphQLScalarType } from 'graphql';
import type { Carrier } from '../auth/carrier.js';
import { DomainError } from '../common/errors.js';
import { EntityReferences, type Representation } from './entity-references.js';
import { subgraphSdl } from './subgraph-sdl.js';

/** Entities that a gateway may ask for at once. */
const MAX_REPRESENTATIONS = 200;

const AnyScalar = new GraphQLScalarType({ name: '_Any', description: 'The type and the key of a thing: `{ __typename, id }`.' });

@ObjectType('_Service')
class ServiceType {
  @Field({ description: 'This subgraph, as Federation 2 reads it.' }) sdl: string;
}

const EntityUnion = createUnionType({
  name: '_Entity',
  description: 'What other subgraphs can refer to.',
  types: () => TypeMetadataStorage.getObjectTypesMetadata()
    .filter(({ directives }) => directives?.some(({ sdl }) => sdl.startsWith('@key')))
    .map(({ target }) => target as new () => object),
  resolveType: (entity: { __typename: string }) => entity.__typename,
});

/** Makes this API a subgraph of Apollo Federation 2: https://www.apollographql.com/docs/federation/subgraph-spec. */
@Resolver()
export class FederationResolver {
  private sdl: string | null = null;

  constructor(
    private readonly host: GraphQLSchemaHost,
    private readonly references: EntityReferences,
  ) {}

  @Query(() => ServiceType, { name: '_service', description: 'For federation gateways.' })
  service() {
    this.sdl ??= subgraphSdl(this.host.schema);
    return { sdl: this.sdl };
  }

  @Query(() => [EntityUnion], { name: '_entities', nullable: 'items', description: 'For federation gateways: things by their keys, in order; null for one that is not there. Errors: bad_input.' })
  entities(
    @Args('representations', { type: () => [AnyScalar] }) representations: unknown[],
    @Context() carrier: Carrier,
    @Info() info: GraphQLResolveInfo,
  ) {
    if (representations.length > MAX_REPRESENTATIONS) {
      throw new DomainError('bad_input', `${representations.length} representations are over the limit of ${MAX_REPRESENTATIONS}.`, 'representations');
    }
    return Promise.all(representations.map(async (given, index) => {
      const representation = asRepresentation(given, index);
      const resolver = this.references.of(representation.__typename);
      if (!resolver) throw new DomainError('bad_input', `representations[${index}]: ${JSON.stringify(representation.__typename)} is no type that has a key here.`, 'representations');
      const found = await resolver(representation, {}, carrier, info);
      return found && Object.assign(found, { __typename: representation.__typename });
    }));
  }
}

function asRepresentation(given: unknown, index: number): Representation {
  const { __typename: type, id } = (given ?? {}) as Record<string, unknown>;
  if (typeof type === 'string' && typeof id === 'string') return { __typename: type, id };
  throw new DomainError('bad_input', `representations[${index}] is not of the form { __typename, id }.`, 'representations');
}
