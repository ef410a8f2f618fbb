import { DomainError } from '../common/errors.js';
import type { ProviderKind } from './deployment.entity.js';

/** Of Anthropic's API that is spoken here. */
const ANTHROPIC_VERSION = '2023-06-01';
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/;
const VALUE = /^[\x20-\x7e]{0,1000}$/;
/** Headers are shown; a secret belongs into the key. */
const SECRET = /auth|cookie|token|secret|passw|credential|(^|[-_.])key($|[-_.])|apikey/i;
/** Of the connection and the body, which are not the provider's to say. */
const OURS = /^(host|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-.*|expect|accept|accept-encoding|traceparent|tracestate)$/i;
const MAX_HEADERS = 20;

/** Headers by which a provider knows who asks. A key with a colon is a user's name and password where HTTP's own authentication is used. */
export function keyHeaders(kind: ProviderKind, apiKey: string | null): Record<string, string> {
  if (kind === 'anthropic') return { 'anthropic-version': ANTHROPIC_VERSION, ...(apiKey !== null && { 'x-api-key': apiKey }) };
  if (apiKey === null) return {};
  const basic = kind === 'stable_diffusion_webui' && apiKey.includes(':');
  return { authorization: basic ? `Basic ${Buffer.from(apiKey).toString('base64')}` : `Bearer ${apiKey}` };
}

/**
 * Headers to be sent with each request, by their names in lower case.
 * @throws DomainError bad_input for what is no header, is ours to say, or looks like a secret.
 */
export function checkedHeaders(given: readonly { name: string; value: string }[]): Record<string, string> {
  if (given.length > MAX_HEADERS) throw new DomainError('bad_input', `${given.length} headers were given; at most ${MAX_HEADERS} are sent.`, 'headers');
  return Object.fromEntries(given.map(({ name, value }) => {
    if (!NAME.test(name) || !VALUE.test(value)) throw new DomainError('bad_input', `${JSON.stringify(name.slice(0, 100))} is no header: names are letters, digits and dashes, values at most 1000 printable ASCII characters.`, 'headers');
    if (OURS.test(name)) throw new DomainError('bad_input', `The header ${name} is set by the gateway. Leave it out.`, 'headers');
    if (SECRET.test(name)) throw new DomainError('bad_input', `The header ${name} looks like a secret, and headers are shown. Give the key as apiKey, which is stored encrypted.`, 'headers');
    return [name.toLowerCase(), value];
  }));
}
