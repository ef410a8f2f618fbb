/** Stable codes a client may branch on, each with the HTTP status of its class. */
export const ERROR_STATUS = {
  bad_input: 400,
  bad_data: 400,
  undefined_variable: 400,
  bad_reference: 400,
  unauthenticated: 401,
  forbidden: 403,
  licence_refused: 403,
  sealed: 403,
  not_found: 404,
  model_not_found: 404,
  conflict: 409,
  fenced: 409,
  too_large: 413,
  idempotency_mismatch: 422,
  rate_limited: 429,
  insufficient_quota: 429,
  quota_exceeded: 403,
  unavailable: 503,
  upstream_failed: 502,
} as const;

export type ErrorCode = keyof typeof ERROR_STATUS;

/**
 * An expected failure: something the caller can understand and mend. Edges map it once to their own shape; its message
 * says what is wrong, where, and how to mend it, and never holds a secret, a stack or SQL.
 */
export class DomainError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    /** Name of the input field or parameter at fault. */
    readonly param: string | null = null,
    /** What OpenAI's routes answer as code instead, where its clients look for a narrower one. */
    readonly openaiCode: string | null = null,
  ) {
    super(message);
    this.name = 'DomainError';
  }

  get status(): number {
    return ERROR_STATUS[this.code];
  }
}

/** The same answer for a thing that does not exist and for one of another project. */
export function notFound(what: string, reference: string, hint = ''): DomainError {
  return new DomainError('not_found', `There is no ${what} ${JSON.stringify(reference)} in this project.${hint && ` ${hint}`}`);
}
