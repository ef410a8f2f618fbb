import { type GraphQLSchema, GraphQLString } from 'graphql';

/** It computes, and changes nothing that a second call could change twice. */
const WITHOUT = 'scoreAnswers';

/** Gives every mutation that changes something the argument `idempotencyKey`, which the command interceptor reads. Changes the schema in place. */
export function withIdempotencyArgument(schema: GraphQLSchema): GraphQLSchema {
  for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    if (field.name === WITHOUT || field.args.some(({ name }) => name === 'idempotencyKey')) continue;
    (field.args as object[]).push({
      name: 'idempotencyKey', type: GraphQLString, defaultValue: undefined, deprecationReason: null, extensions: {}, astNode: null,
      description: 'Under a key the command is done once: asked for again within 24 hours, it gives the first answer. The header Idempotency-Key does the same. Errors: conflict while it is under way, idempotency_mismatch with other arguments.',
    });
  }
  return schema;
}
