import { Injectable } from '@nestjs/common';
import type { GraphQLResolveInfo } from 'graphql';
import type { Carrier } from '../auth/carrier.js';

/** A method under `@ResolveReference()`, as Nest calls it: `root` is the representation. */
type ReferenceResolver = (root: Representation, args: object, carrier: Carrier, info: GraphQLResolveInfo) => Promise<object | null>;

/** What another subgraph knows of a thing: its type and its key. */
export interface Representation {
  __typename: string;
  id: string;
}

/** The features' `@ResolveReference()` methods, by GraphQL type. */
@Injectable()
export class EntityReferences {
  private readonly resolvers = new Map<string, ReferenceResolver>();

  /** Takes them out of the resolvers that Nest found: the schema has no such field. */
  take<T>(resolvers: T): T {
    const maps = [resolvers].flat() as Record<string, Record<string, unknown>>[]; // one map or several
    for (const [type, fields] of maps.flatMap((map) => Object.entries(map))) {
      const resolver = fields['__resolveReference'];
      if (typeof resolver !== 'function') continue;
      this.resolvers.set(type, resolver as ReferenceResolver);
      delete fields['__resolveReference'];
    }
    return resolvers;
  }

  of(type: string): ReferenceResolver | undefined {
    return this.resolvers.get(type);
  }
}
