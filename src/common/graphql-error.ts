import { unwrapResolverError } from '@apollo/server/errors';
import { BadRequestException, Logger } from '@nestjs/common';
import { type ExecutionResult, type FormattedExecutionResult, GraphQLError, type GraphQLFormattedError } from 'graphql';
import { DomainError } from './errors.js';
import { storeUnavailable } from './unavailable.js';

const logger = new Logger('GraphQL');

/**
 * What a GraphQL client sees of an error: a message and a stable `extensions.code`, never a stack or SQL. Anything that
 * is not an expected failure is logged here and answered as `internal`.
 */
export function formatGraphqlError(formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError {
  const thrown = unwrapResolverError(error);
  const original = storeUnavailable(thrown) ?? thrown;
  const place = { ...(formatted.locations && { locations: formatted.locations }), ...(formatted.path && { path: formatted.path }) };
  if (original instanceof DomainError) {
    return { message: original.message, ...place, extensions: { code: original.code, ...(original.param && { param: original.param }) } };
  }
  if (original instanceof BadRequestException) {
    const { message } = original.getResponse() as { message: string | string[] };
    return { message: [message].flat().join('; '), ...place, extensions: { code: 'bad_input' } };
  }
  // Errors of the GraphQL layer itself (syntax, unknown field, wrong type) speak about the client's document.
  if (original instanceof GraphQLError) {
    const code = formatted.extensions?.['code'];
    if (code !== 'INTERNAL_SERVER_ERROR') return { message: formatted.message, ...place, extensions: { code: code ?? 'bad_input' } };
    // graphql-js finds a null given for an argument with a default only while executing.
    if (/^Argument /.test(original.message)) return { message: formatted.message, ...place, extensions: { code: 'bad_input' } };
  }
  logger.error(original instanceof Error ? original.stack : String(original));
  return { message: 'An internal error happened; it is in the server\'s log.', ...place, extensions: { code: 'internal' } };
}

/** The same for operations over WebSocket, which Apollo's formatter does not see: options of graphql-ws. */
export const subscriptionErrors = {
  onError: (_context: unknown, _id: string, _payload: unknown, errors: readonly GraphQLError[]) =>
    errors.map((error) => formatGraphqlError(error.toJSON(), error)),
  onNext: (_context: unknown, _id: string, _payload: unknown, _args: unknown, result: ExecutionResult): FormattedExecutionResult | undefined =>
    result.errors && { ...result, errors: result.errors.map((error) => formatGraphqlError(error.toJSON(), error)) },
};
