import { DomainError } from './errors.js';

/** Of any socket. pg hands on what stopped it from connecting as it is, and that of Redis looks the same: only within a query is it known to be the database's. */
const SOCKET_CODE = /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT)$/;
/** Postgres: it ends, starts or is full (57P01–57P03, 53300), or its connection broke (class 08). */
const AWAY_CODE = /^(57P0[1-3]|53300|08...)$/;
/** What pg says without a code. */
const AWAY_MESSAGE = /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Client was closed)/;

/** Postgres cannot hold the character NUL, neither as text (22021) nor within JSON (22P05). */
const NUL_REFUSED = /^(22021|22P05)$/;

/**
 * An expected failure as such, and those that show only when Postgres is asked: that it cannot be reached, or that a text
 * cannot be stored. A connection that failed and is not known to be Postgres' is told as such. Null for any other error.
 */
export function asDomainError(error: unknown): DomainError | null {
  if (error instanceof DomainError) return error;
  if (!(error instanceof Error)) return null;
  const { code, driverError = error } = error as { code?: unknown; driverError?: Error };
  if (typeof code === 'string' && NUL_REFUSED.test(code)) return new DomainError('bad_input', 'A text of the request holds the character NUL (\\u0000), which cannot be stored or looked up. Remove it.');
  // TypeORM lets go of a connection that broke between two statements of a transaction.
  if (error.name === 'QueryRunnerAlreadyReleasedError' || (typeof code === 'string' && AWAY_CODE.test(code)) || AWAY_MESSAGE.test(driverError.message)) return away('The database');
  if (typeof code !== 'string' || !SOCKET_CODE.test(code)) return null;
  return away(driverError === error ? 'A service behind this one' : 'The database');
}

const away = (what: string) => new DomainError('unavailable', `${what} is away for the moment. Try again shortly; a command with the same Idempotency-Key, for it may have been done.`);
