import { Logger } from '@nestjs/common';
import { GraphQLError, locatedError } from 'graphql';
import { QueryFailedError } from 'typeorm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DomainError } from './errors.js';
import { formatGraphqlError } from './graphql-error.js';

const SQL = 'SELECT secret FROM api_keys WHERE hash = $1';
const failed = () => new QueryFailedError(SQL, ['deadbeef'], new Error('relation "api_keys" does not exist'));
const format = (error: GraphQLError) => formatGraphqlError({ ...error.toJSON(), extensions: error.extensions }, error);

describe('an error that a GraphQL client sees', () => {
  const logged = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  afterEach(() => logged.mockClear());

  it.each([
    ['from a resolver', () => locatedError(failed(), undefined, ['prompts'])],
    ['as Apollo wraps it', () => new GraphQLError(failed().message, { originalError: failed(), path: ['prompts'], extensions: { code: 'INTERNAL_SERVER_ERROR', stacktrace: ['at x'] } })],
    ['from a subscription under way, which has no path', () => new GraphQLError(failed().message, { originalError: failed() })],
  ])('says nothing of a failed statement: %s', (_, make) => {
    const error = make();
    error.extensions['requestId'] = 'req-1';
    const answer = format(error);
    expect(answer.extensions).toEqual({ code: 'internal', requestId: 'req-1' });
    expect(JSON.stringify(answer)).not.toMatch(/SELECT|api_keys|deadbeef|at x/);
    expect(logged.mock.calls.flat().join()).toContain('req-1');
  });

  it('is `internal` when graphql-js finds what we answered wrong', () => {
    expect(format(locatedError(new GraphQLError('Cannot return null for non-nullable field Prompt.id.'), undefined, ['prompt', 'id'])).extensions).toEqual({ code: 'internal' });
  });

  it('carries the code, the message and the parameter of an expected failure', () => {
    const error = locatedError(new DomainError('conflict', 'Choose another name.', 'name'), undefined, ['createDeployment']);
    expect(format(error)).toEqual({ message: 'Choose another name.', path: ['createDeployment'], extensions: { code: 'conflict', param: 'name' } });
    expect(logged).not.toHaveBeenCalled();
  });

  it.each([
    ['the document', new GraphQLError('Cannot query field "x" on type "Query".'), { code: 'bad_input' }],
    ['a limit', new GraphQLError('Too deep.', { extensions: { limit: 'depth', maximum: 10 } }), { code: 'query_too_complex', limit: 'depth', maximum: 10 }],
    ['the number of tokens', new GraphQLError('Syntax Error: Document contains more that 1000 tokens. Parsing aborted.'), { code: 'query_too_complex', limit: 'tokens', maximum: 1000 }],
    ['what Apollo has named', new GraphQLError('Bad.', { extensions: { code: 'BAD_USER_INPUT' } }), { code: 'BAD_USER_INPUT' }],
  ])('speaks of %s', (_, error, extensions) => {
    expect(format(error).extensions).toEqual(extensions);
  });
});
