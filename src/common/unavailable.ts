import { DomainError } from './errors.js';

/** Of sockets; and Postgres: it ends, starts or is full (57P01–57P03, 53300), or its connection broke (class 08). */
const AWAY_CODE = /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|57P0[1-3]|53300|08...)$/;
/** What pg says without a code. */
const AWAY_MESSAGE = /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Client was closed)/;

/** The failure to answer when Postgres cannot be reached; null when the error is another. */
export function storeUnavailable(error: unknown): DomainError | null {
  if (error instanceof DomainError || !(error instanceof Error)) return null;
  const { code, driverError = error } = error as { code?: unknown; driverError?: Error };
  // TypeORM lets go of a connection that broke between two statements of a transaction.
  const away = error.name === 'QueryRunnerAlreadyReleasedError' || (typeof code === 'string' && AWAY_CODE.test(code)) || AWAY_MESSAGE.test(driverError.message);
  return away ? new DomainError('unavailable', 'The database is away for the moment. Try again shortly; a command with the same Idempotency-Key, for it may have been done.') : null;
}
