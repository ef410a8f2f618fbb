import { isObject } from '../../common/is-object.js';
import { JSON_ANSWER } from './anthropic-tools.js';
import { errorType, type Json, type OpenAiError, parseObject, textOf, unreadable } from './protocol.js';

const FINISHED: Record<string, string> = {
  end_turn: 'stop', stop_sequence: 'stop', pause_turn: 'stop', tool_use: 'tool_calls',
  max_tokens: 'length', model_context_window_exceeded: 'length', refusal: 'content_filter',
};

/** @param answersInJson whether the only tool that was called is the one that stands for a JSON answer */
export const finishReason = (stopReason: unknown, answersInJson: boolean): string => (answersInJson && stopReason === 'tool_use' ? 'stop' : FINISHED[textOf(stopReason)] ?? 'stop');

/** Why a model would not answer, in words; null when it did, or does not say. */
export function refusalOf(stopDetails: unknown): string | null {
  return isObject(stopDetails) && stopDetails['type'] === 'refusal' && typeof stopDetails['explanation'] === 'string' ? stopDetails['explanation'] : null;
}

const count = (value: unknown): number => (typeof value === 'number' ? value : 0);

/** OpenAI's usage. Anthropic counts what it read from its cache, and what it wrote there, beside the other input tokens. */
export function usageOf(usage: unknown): Json {
  const { input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens, output_tokens_details } = isObject(usage) ? usage : {};
  const [cached, written] = [count(cache_read_input_tokens), count(cache_creation_input_tokens)];
  const prompt = count(input_tokens) + cached + written;
  const completion = count(output_tokens);
  return {
    prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached, cache_write_tokens: written },
    completion_tokens_details: { reasoning_tokens: isObject(output_tokens_details) ? count(output_tokens_details['thinking_tokens']) : 0 },
  };
}

/** Anthropic's message as OpenAI's chat completion. @throws DomainError upstream_failed when it is none. */
export function chatCompletionOf(text: string): string {
  const message = parseObject(text);
  if (!message || !Array.isArray(message['content'])) throw unreadable('a message of Anthropic\'s', text);
  const blocks = (message['content'] as unknown[]).filter(isObject);
  const calls = blocks.filter(({ type, name }) => type === 'tool_use' && name !== JSON_ANSWER);
  const json = blocks.find(({ type, name }) => type === 'tool_use' && name === JSON_ANSWER);
  const thinking = blocks.filter(({ type }) => type === 'thinking' || type === 'redacted_thinking');
  const words = blocks.filter(({ type }) => type === 'text').map((block) => textOf(block['text'])).join('');
  const content = json ? JSON.stringify(json['input'] ?? {}) : words === '' && calls.length > 0 ? null : words;
  const answer: Json = {
    role: 'assistant', content, refusal: refusalOf(message['stop_details']),
    ...(calls.length > 0 && { tool_calls: calls.map(({ id, name, input }) => ({ id, type: 'function', function: { name, arguments: JSON.stringify(input ?? {}) } })) }),
    ...(thinking.length > 0 && { reasoning_content: thinking.map((block) => textOf(block['thinking'])).join(''), thinking_blocks: thinking }),
  };
  return JSON.stringify({
    id: message['id'], object: 'chat.completion', created: Math.floor(Date.now() / 1000), model: message['model'],
    choices: [{ index: 0, message: answer, logprobs: null, finish_reason: finishReason(message['stop_reason'], json !== undefined && calls.length === 0) }],
    usage: usageOf(message['usage']),
  });
}

/** Statuses of Anthropic's errors, for those that come within a stream. */
const STATUS: Record<string, number> = {
  invalid_request_error: 400, authentication_error: 401, billing_error: 402, permission_error: 403, not_found_error: 404,
  conflict_error: 409, request_too_large: 413, rate_limit_error: 429, api_error: 500, timeout_error: 504, overloaded_error: 529,
};
const CODES: Record<string, string> = { not_found_error: 'model_not_found', rate_limit_error: 'rate_limit_exceeded', billing_error: 'insufficient_quota', overloaded_error: 'overloaded' };
const TOO_LONG = /prompt is too long|exceeds? (the )?(model's )?context/i;

/** @param status of the answer; null within a stream, whose error says by its type what it is */
export function anthropicError(text: string, status: number | null): { status: number; error: OpenAiError } | null {
  const found = parseObject(text)?.['error'];
  if (!isObject(found) || typeof found['message'] !== 'string' || (status !== null && status < 400)) return null;
  const { type, message } = found as { type: unknown; message: string };
  const meant = status ?? STATUS[textOf(type)] ?? 500;
  // OpenAI's clients know no 529.
  const told = meant === 529 ? 503 : meant;
  const code = TOO_LONG.test(message) ? 'context_length_exceeded' : CODES[textOf(type)] ?? (meant === 529 ? 'overloaded' : null);
  const kind = told === 429 ? 'requests' : errorType(told);
  return { status: told, error: { message, type: kind, param: null, code } };
}
