import { bounded, MAX_TOKENS } from '../limits/buckets.js';

/** Roughly, over languages and tokenizers. */
const CHARACTERS_PER_TOKEN = 4;
/** Reserved for an answer whose length the request does not bound. */
const ANSWER_TOKENS = 256;

/**
 * About how many tokens a request will use: its prompt, and the longest answers it allows. Its body is not checked yet.
 * @param bytes of the body, when that is known: what stands beside the prompt is little
 */
export function estimateTokens(body: unknown, bytes?: number): number {
  const { messages, prompt, input, max_completion_tokens, max_tokens, n } = (body ?? {}) as Record<string, unknown>;
  const count = (value: unknown, otherwise: number) => (typeof value === 'number' && value > 0 ? Math.min(Math.ceil(value), MAX_TOKENS) : otherwise);
  const asked = (bytes ?? JSON.stringify([messages, prompt, input]).length) / CHARACTERS_PER_TOKEN;
  const answered = input === undefined ? count(n, 1) * count(max_completion_tokens, count(max_tokens, ANSWER_TOKENS)) : 0;
  return bounded(Math.ceil(asked) + answered, MAX_TOKENS);
}
