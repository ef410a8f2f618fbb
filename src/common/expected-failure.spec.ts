import { QueryFailedError } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { DomainError } from './errors.js';
import { asDomainError } from './expected-failure.js';

const withCode = (code: string, message = 'x') => Object.assign(new Error(message), { code });

describe('asDomainError', () => {
  it.each([
    ['reset within a query', new QueryFailedError('SELECT 1', [], withCode('ECONNRESET'))],
    ['ended by an administrator, in a query', new QueryFailedError('SELECT 1', [], withCode('57P01'))],
    ['ended by a crash of the server', withCode('57P02')],
    ['starting up', withCode('57P03')],
    ['connection lost', withCode('08006')],
    ['lost within a query', new QueryFailedError('SELECT 1', [], new Error('Connection terminated unexpectedly'))],
    ['no connection in time', new Error('timeout exceeded when trying to connect')],
  ])('knows a database that is away: %s', (_, error) => {
    expect(asDomainError(error)).toMatchObject({ code: 'unavailable', status: 503, message: expect.stringMatching(/^The database is away/) });
  });

  it.each([
    ['refused', withCode('ECONNREFUSED')],
    ['refused at each address', Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' })],
    ['reset', withCode('ECONNRESET')],
  ])('blames the database for no connection that may be another\'s: %s', (_, error) => {
    expect(asDomainError(error)).toMatchObject({ code: 'unavailable', status: 503, message: expect.stringMatching(/^A service behind this one is away/) });
  });

  it('gives an expected failure as it is, and says what a NUL does', () => {
    const expected = new DomainError('not_found', 'x');
    expect(asDomainError(expected)).toBe(expected);
    expect(asDomainError(new QueryFailedError('INSERT', [], withCode('22021')))).toMatchObject({ code: 'bad_input' });
  });

  it.each([
    ['a duplicate', new QueryFailedError('INSERT', [], withCode('23505'))],
    ['a query that took too long', withCode('57014')],
    ['a provider that refuses', Object.assign(new TypeError('fetch failed'), { cause: withCode('ECONNREFUSED') })],
    ['no error', undefined],
  ])('leaves others alone: %s', (_, error) => {
    expect(asDomainError(error)).toBeNull();
  });
});
