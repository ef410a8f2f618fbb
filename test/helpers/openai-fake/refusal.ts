/** OpenAI's error object. */
export interface OpenAiError {
  message: string;
  type: string;
  param: string | null;
  code: string | null;
}

/** A request that is answered with an error. */
export class Refusal extends Error {
  constructor(readonly status: number, readonly error: OpenAiError, readonly headers: Record<string, string> = {}) {
    super(error.message);
  }
}

/** 400 as OpenAI says it. */
export const invalid = (message: string, param: string | null = null, code: string | null = null): Refusal =>
  new Refusal(400, { message, type: 'invalid_request_error', param, code });
