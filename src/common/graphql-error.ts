import { BadRequestException, Logger } from '@nestjs/common';
import { GraphQLError, type GraphQLFormattedError, Kind } from 'graphql';
import { asDomainError } from './expected-failure.js';

const logger = new Logger('GraphQL');

/**
 * What a GraphQL client sees of an error: a message, a stable `extensions.code` and the request's id, never a stack or
 * SQL. Anything that is not an expected failure is logged here and answered as `internal`.
 */
export function formatGraphqlError(formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError {
  const thrown = rootOf(error);
  const requestId = error instanceof GraphQLError ? error.extensions['requestId'] as string | undefined : undefined;
  const answer = (message: string, extensions: Record<string, unknown>): GraphQLFormattedError => ({
    message,
    ...(formatted.locations && { locations: formatted.locations }),
    ...(formatted.path && { path: formatted.path }),
    extensions: { ...extensions, ...(requestId !== undefined && { requestId }) },
  });
  const expected = asDomainError(thrown);
  if (expected) return answer(expected.message, { code: expected.code, ...(expected.param && { param: expected.param }) });
  if (thrown instanceof BadRequestException) {
    const { message } = thrown.getResponse() as { message: string | string[] };
    return answer([message].flat().join('; '), { code: 'bad_input' });
  }
  if (error instanceof GraphQLError && isOfTheDocument(error)) return answer(formatted.message, codeOf(error));
  logger.error(`${requestId ?? ''} ${thrown instanceof Error ? thrown.stack : String(thrown)}`);
  return answer('An internal error happened; it is in the server\'s log.', { code: 'internal' });
}

/** What was thrown, below what the layers above have wrapped it in. */
function rootOf(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError ? rootOf(error.originalError) : error;
}

/** Errors of the GraphQL layer itself (syntax, unknown field, wrong type, limits) speak about the client's document. */
function isOfTheDocument(error: GraphQLError): boolean {
  const code = error.extensions['code'];
  if (code !== undefined && code !== 'INTERNAL_SERVER_ERROR') return true;
  // graphql-js finds a wrong variable, and a null given for an argument with a default, only while executing.
  if (error.nodes?.[0]?.kind === Kind.VARIABLE_DEFINITION || /^Argument /.test(error.message)) return true;
  return error.path === undefined && !(error.originalError && !(error.originalError instanceof GraphQLError));
}

function codeOf(error: GraphQLError): Record<string, unknown> {
  const { code, limit, maximum } = error.extensions;
  if (limit !== undefined) return { code: 'query_too_complex', limit, maximum };
  const tokens = /more that? (\d+) tokens/.exec(error.message);
  if (tokens) return { code: 'query_too_complex', limit: 'tokens', maximum: Number(tokens[1]) };
  return { code: code === undefined || code === 'INTERNAL_SERVER_ERROR' ? 'bad_input' : code };
}
