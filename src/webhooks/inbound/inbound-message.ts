import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { DomainError } from '../../common/errors.js';
import { DATA_MAX_BYTES } from '../event.service.js';

/** What surrounds the payload in the event takes the rest. */
const BODY_MAX_BYTES = DATA_MAX_BYTES - 1_000;
const DEEPEST = 32;
const ID_MAX_CHARACTERS = 256;

/** A request as it came in. */
export interface InboundRequest {
  headers: Record<string, string | string[] | undefined>;
  /** The body's bytes, which is what was signed; absent when it is no JSON. */
  raw: Buffer | undefined;
  /** The same, parsed. */
  body: unknown;
}

/** @throws DomainError bad_input or too_large for a body that no webhook has. */
export function checkBody({ headers, raw }: InboundRequest): Buffer {
  if (raw === undefined || !/^application\/json\b/i.test(String(headers['content-type']))) {
    throw new DomainError('bad_input', 'A webhook is JSON; send it with Content-Type: application/json.');
  }
  if (raw.length > BODY_MAX_BYTES) throw new DomainError('too_large', `The body has ${raw.length} bytes; a webhook has at most ${BODY_MAX_BYTES}.`);
  return raw;
}

/**
 * Checks that a message was signed with one of the secrets within five minutes of now.
 * @returns its id
 * @throws DomainError unauthenticated; bad_input when the id is longer than 256 characters.
 */
export function verifiedId(headers: InboundRequest['headers'], raw: Buffer, secrets: string[]): string {
  let refusal = '';
  for (const secret of secrets) {
    try {
      new Webhook(secret).verify(raw, headers as Record<string, string>, { jsonParse: false });
      return checkedId(String(headers['webhook-id']));
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
      refusal = error.message;
    }
  }
  throw new DomainError('unauthenticated', `The webhook was refused: ${refusal}. It is signed as Standard Webhooks 1.0.0 says, by the secret of this URL, within five minutes of now.`);
}

function checkedId(id: string): string {
  if (id.length > ID_MAX_CHARACTERS) throw new DomainError('bad_input', `The webhook-id has ${id.length} characters; at most ${ID_MAX_CHARACTERS} are kept.`);
  return id;
}

/** @throws DomainError bad_data for a body that cannot be stored as it is. */
export function payloadOf(body: unknown): Record<string, unknown> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new DomainError('bad_data', 'The body is JSON but not an object.');
  const fault = faultOf(body, DEEPEST);
  if (fault) throw new DomainError('bad_data', `The body ${fault}.`);
  const bytes = Buffer.byteLength(JSON.stringify(body));
  if (bytes > BODY_MAX_BYTES) throw new DomainError('too_large', `The body has ${bytes} bytes when written out; a webhook has at most ${BODY_MAX_BYTES}.`);
  return body as Record<string, unknown>;
}

/** What Postgres could not store. */
function faultOf(value: unknown, levels: number): string | null {
  if (typeof value === 'string') return /\0|\p{Surrogate}/u.test(value) ? 'holds the character NUL or half of a surrogate pair' : null;
  if (typeof value !== 'object' || value === null) return null;
  if (levels === 0) return `is nested more than ${DEEPEST} levels deep`;
  for (const each of Object.entries(value).flat()) {
    const fault = faultOf(each, levels - 1);
    if (fault) return fault;
  }
  return null;
}
