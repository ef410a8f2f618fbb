import { GraphQLSchemaHost } from '@nestjs/graphql';
import { defaultFieldResolver, isObjectType } from 'graphql';
import type { Gateway } from './gateway.js';

/** Counts every call of a resolver or of a subscription's source from now on. */
export function countResolvers(gateway: Gateway): { calls: number } {
  const counter = { calls: 0 };
  for (const type of Object.values(gateway.app.get(GraphQLSchemaHost, { strict: false }).schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) {
      const counted = <Args extends unknown[], Answer>(resolver: (...args: Args) => Answer) => (...args: Args): Answer => {
        counter.calls += 1;
        return resolver(...args);
      };
      field.resolve = counted(field.resolve ?? defaultFieldResolver);
      if (field.subscribe) field.subscribe = counted(field.subscribe);
    }
  }
  return counter;
}
