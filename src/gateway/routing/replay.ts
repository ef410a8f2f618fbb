import type { StreamedOperation } from './stream-assembler.js';

type Fields = Record<string, unknown>;

/**
 * A whole answer as the stream that a caller asked for: each choice in one piece, then its end, usage if asked for, and
 * `[DONE]`. The opposite of StreamAssembler.
 * @returns server-sent events
 */
export function asEvents(operation: StreamedOperation, answer: Fields, includeUsage: boolean): string {
  const { choices, usage, object: _, ...head } = answer;
  const object = operation === 'chat' ? 'chat.completion.chunk' : 'text_completion';
  const chunk = (list: Fields[], more: Fields = {}) => ({ ...head, object, choices: list, ...more, ...(includeUsage && !('usage' in more) && { usage: null }) });
  const pieces = ((choices ?? []) as Fields[]).flatMap((choice) => (operation === 'chat' ? chatPieces(choice) : completionPieces(choice)));
  const chunks = [...pieces.map((piece) => chunk([piece])), ...(includeUsage ? [chunk([], { usage: usage ?? null })] : [])];
  return [...chunks.map((each) => `data: ${JSON.stringify(each)}\n\n`), 'data: [DONE]\n\n'].join('');
}

function chatPieces({ index, message, logprobs, ...rest }: Fields): Fields[] {
  const { tool_calls: calls, ...said } = (message ?? {}) as { tool_calls?: Fields[] } & Fields;
  const delta = { ...said, ...(calls && { tool_calls: calls.map((call, at) => ({ index: at, ...call })) }) };
  return [{ index, delta, logprobs: logprobs ?? null, finish_reason: null }, { index, delta: {}, logprobs: null, ...rest }];
}

function completionPieces({ index, text, logprobs, ...rest }: Fields): Fields[] {
  return [{ index, text, logprobs: logprobs ?? null, finish_reason: null }, { index, text: '', logprobs: null, ...rest }];
}
