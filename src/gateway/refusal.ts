import { DomainError } from '../common/errors.js';
import { errorOf, type WholeAnswer } from '../deployments/runtime/upstream.js';

/** OpenAI's error, ready to be sent. */
export interface Refusal {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/**
 * A refusal in OpenAI's shape. It keeps status and error of a server that speaks that shape, save where they would be
 * read as being about the caller's own key.
 * @param provider its name; null for the own runtime
 */
export function relayRefusal(answer: WholeAnswer, provider: string | null): Refusal {
  const { text } = answer;
  const error = errorOf(text);
  const who = provider === null ? 'The runtime' : `Provider ${JSON.stringify(provider)}`;
  const headers: Record<string, string> = {};
  if (answer.headers['retry-after']) headers['retry-after'] = answer.headers['retry-after'];
  if (answer.status === 401 || answer.status === 403) {
    // Its words are left out: they may hold part of the key.
    throw new DomainError('upstream_failed', `${who} refused the key stored for it (status ${answer.status}). Check that the key is valid there and may use this model.`);
  }
  if (!error || answer.status < 400) {
    throw new DomainError('upstream_failed', `${who} answered with status ${answer.status} and no error in OpenAI's shape: ${text.slice(0, 200)}`);
  }
  return { status: answer.status, headers, body: JSON.stringify(openaiError(text, answer.status)) };
}

/** The upstream's error object with all four of OpenAI's fields. */
function openaiError(text: string, status: number): { error: object } {
  const body = JSON.parse(text) as { error?: object };
  const error = typeof body.error === 'object' ? body.error : body;
  return { error: { type: status >= 500 ? 'server_error' : 'invalid_request_error', param: null, code: null, ...error } };
}
