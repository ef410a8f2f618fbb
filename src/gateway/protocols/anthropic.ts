import { keyHeaders } from '../../deployments/provider-headers.js';
import { anthropicError, chatCompletionOf } from './anthropic-answer.js';
import { ChunkReader } from './anthropic-events.js';
import { messagesRequest } from './anthropic-request.js';
import { asksForUsage, type Protocol, unsupported } from './protocol.js';

/** Headers of a request in Anthropic's own shape that are passed on with it, before those that are sent otherwise. */
export const PASSED_HEADERS = ['anthropic-version', 'anthropic-beta'] as const;
export const COUNT_TOKENS_PATH = '/messages/count_tokens';

/** Anthropic's Messages API: chats are translated, requests in its own shape are passed on as they are. */
export const anthropic: Protocol = {
  operations: new Set(['chat', 'message']),
  request(operation, body, model) {
    if (operation === 'message') return { path: '/messages', body: { ...body, model } };
    if (operation !== 'chat') throw unsupported('model', 'Anthropic\'s models chat; they neither complete texts nor make embeddings or images. Ask a model of another provider.');
    return { path: '/messages', body: messagesRequest(body, model) };
  },
  headers: (apiKey) => keyHeaders('anthropic', apiKey),
  answer: (operation, text) => (operation === 'message' ? text : chatCompletionOf(text)),
  events(operation, body) {
    if (operation === 'message') return null;
    const reader = new ChunkReader(asksForUsage(body));
    return (event) => reader.read(event);
  },
  error: anthropicError,
};
