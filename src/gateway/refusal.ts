import { DomainError } from '../common/errors.js';
import type { WholeAnswer } from '../deployments/runtime/upstream.js';
import type { Dialogue } from './dialogue.js';
import type { OpenAiError } from './protocols/protocol.js';

/**
 * A refusal as OpenAI's error. It keeps status and error of a server that speaks a known shape, save where they would be
 * read as being about the caller's own key.
 * @param provider its name; null for the own runtime
 * @throws DomainError upstream_failed for those, and for what is in no known shape.
 */
export function refusalOf({ status, text }: WholeAnswer, dialogue: Dialogue, provider: string | null): { status: number; error: OpenAiError } {
  const who = provider === null ? 'The runtime' : `Provider ${JSON.stringify(provider)}`;
  if (status === 401 || status === 403) {
    // Its words are left out: they may hold part of the key.
    throw new DomainError('upstream_failed', `${who} refused the key stored for it (status ${status}). Check that the key is valid there and may use this model.`);
  }
  const refusal = dialogue.error(text, status);
  if (!refusal || status < 400) throw new DomainError('upstream_failed', `${who} answered with status ${status} and no error in a known shape: ${text.slice(0, 200)}`);
  return refusal;
}
