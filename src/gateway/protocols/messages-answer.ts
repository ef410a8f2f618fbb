import { isObject } from '../../common/is-object.js';
import { type Json, type OpenAiError, parseObject, textOf, unreadable } from './protocol.js';

const STOPPED: Record<string, string> = { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use', function_call: 'tool_use', content_filter: 'refusal' };
const ERROR_TYPES: Record<number, string> = {
  400: 'invalid_request_error', 401: 'authentication_error', 402: 'billing_error', 403: 'permission_error', 404: 'not_found_error',
  409: 'conflict_error', 413: 'request_too_large', 422: 'invalid_request_error', 429: 'rate_limit_error', 503: 'overloaded_error', 504: 'timeout_error', 529: 'overloaded_error',
};

export const stopReason = (finishReason: unknown): string => STOPPED[textOf(finishReason)] ?? 'end_turn';

/** Anthropic's ids begin so; the rest is the answer's own. */
export const messageId = (id: unknown): string => `msg_${textOf(id).replace(/^(chatcmpl-|msg_)/, '')}`;

const count = (value: unknown): number => (typeof value === 'number' && value > 0 ? value : 0);

/** Anthropic's usage: what came from a cache, or went into one, is counted apart. */
export function messageUsage(usage: unknown): Json {
  const { prompt_tokens, completion_tokens, prompt_tokens_details: details } = isObject(usage) ? usage : {};
  const { cached_tokens, cache_write_tokens } = isObject(details) ? details : {};
  const [cached, written] = [count(cached_tokens), count(cache_write_tokens)];
  return {
    input_tokens: Math.max(count(prompt_tokens) - cached - written, 0), output_tokens: count(completion_tokens),
    cache_read_input_tokens: cached, cache_creation_input_tokens: written,
  };
}

/** Fields that Anthropic's messages always hold. */
export const messageHead = (id: unknown, model: unknown): Json => ({ id: messageId(id), type: 'message', role: 'assistant', model, container: null, stop_sequence: null });

export function stopDetails(reason: string, refusal: unknown): Json {
  return { stop_details: reason === 'refusal' ? { type: 'refusal', category: null, explanation: typeof refusal === 'string' ? refusal : null } : null };
}

/** OpenAI's chat completion as Anthropic's message. @throws DomainError upstream_failed when it is none. */
export function messageOf(text: string): string {
  const completion = parseObject(text);
  const [choice] = Array.isArray(completion?.['choices']) ? completion['choices'] as Json[] : [];
  if (!completion || !isObject(choice) || !isObject(choice['message'])) throw unreadable('a chat completion', text);
  const { content, refusal, tool_calls } = choice['message'];
  const said = textOf(content) || textOf(refusal);
  const calls = (Array.isArray(tool_calls) ? tool_calls as unknown[] : []).map(toolUse);
  // OpenAI's refusals end as any other answer does.
  const reason = !textOf(content) && textOf(refusal) ? 'refusal' : stopReason(choice['finish_reason']);
  return JSON.stringify({
    ...messageHead(completion['id'], completion['model']),
    content: [...(said === '' ? [] : [{ type: 'text', text: said, citations: null }]), ...calls],
    stop_reason: calls.length > 0 && reason === 'end_turn' ? 'tool_use' : reason, ...stopDetails(reason, refusal),
    usage: messageUsage(completion['usage']),
  });
}

function toolUse(call: unknown): Json {
  const { id, function: called } = isObject(call) ? call : {};
  const { name, arguments: given } = isObject(called) ? called : {};
  return { type: 'tool_use', id, name, input: parseObject(textOf(given)) ?? {} };
}

/** An error of the gateway or of a provider, in OpenAI's shape, as Anthropic's. Its status stays as it is. */
export function messageError(status: number, { message }: Pick<OpenAiError, 'message'>, requestId: string): Json {
  return { type: 'error', error: { type: ERROR_TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error'), message }, request_id: requestId };
}
