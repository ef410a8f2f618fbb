import type { OpenAPIObject } from '@nestjs/swagger';
import type { Operation } from '../calls/call-record.js';
import { errorsOf } from '../common/openai-errors.openapi.js';
import { GATEWAY_ROUTES } from './gateway.routes.js';
import { OPENAI_SCHEMAS } from './openai.openapi.js';
import { requestSchema } from './request-checks.js';

const PASSED_ON = 'Fields that are not listed are passed on to the model\'s runtime or provider as they are.';
const text = { type: 'string' as const };
const HEADERS = {
  'x-triad-call-id': { description: 'Names the call in the log of calls, and for feedback', schema: text },
  'x-triad-cache': { description: 'Whether the cache of answers gave it; without one there is no such header', schema: { ...text, enum: ['hit', 'miss'] } },
  age: { description: 'Of a hit: for how many seconds it has been kept', schema: text },
};
const PARAMETERS = [
  { name: 'x-triad-sticky-key', description: 'Whom assignments stick to: the same key gets the same arm of a deployment and of an experiment. Without it OpenAI\'s `safety_identifier` or `user`' },
  { name: 'x-triad-cache-control', description: 'Of the cache of answers: `no-cache` has the model asked, `no-store` that, and its answer not kept' },
  { name: 'x-triad-project', description: 'For people with roles in several projects: which of them. An API key is of one project' },
].map((header) => ({ ...header, in: 'header' as const, required: false, schema: text }));
/** Anthropic's clients give the key by itself. */
const securityOf = (operation: Operation): Record<string, string[]>[] => [{ bearer: [] }, ...(operation === 'message' ? [{ anthropic: [] }] : [])];
const messages = [{ role: 'user', content: 'Close the blind in the studio.' }];

const ROUTES: Record<Operation, { id: string; summary: string; answer: object; streams: boolean; example: object }> = {
  chat: { id: 'createChatCompletion', summary: 'OpenAI\'s chat completions', answer: OPENAI_SCHEMAS.completion, streams: true, example: { model: 'house-assistant', messages } },
  completion: { id: 'createCompletion', summary: 'OpenAI\'s completions', answer: OPENAI_SCHEMAS.textCompletion, streams: true, example: { model: 'house-assistant', prompt: 'Close the' } },
  embedding: { id: 'createEmbedding', summary: 'OpenAI\'s embeddings', answer: OPENAI_SCHEMAS.embeddings, streams: false, example: { model: 'house-assistant', input: 'Close the blind.' } },
  image: { id: 'createImage', summary: 'OpenAI\'s images', answer: OPENAI_SCHEMAS.images, streams: true, example: { model: 'house-assistant', prompt: 'A blind, half closed' } },
  message: { id: 'createMessage', summary: 'Anthropic\'s messages', answer: OPENAI_SCHEMAS.message, streams: true, example: { model: 'house-assistant', max_tokens: 64, messages } },
};

/** Of each event, as OpenAPI 3.2 has it, and of them all. */
const EVENTS = { description: 'Server-sent events, whose data is JSON; the last of OpenAI\'s is `[DONE]`' };
/** Errors that Anthropic's clients are to read. */
const STATUSES = [400, 401, 403, 404, 413, 415, 429, 500, 502, 503];

/** The routes that `GatewayRoutes` serves without Nest, which would describe them. */
export const GATEWAY_PATHS: OpenAPIObject['paths'] = Object.fromEntries(Object.entries(GATEWAY_ROUTES).map(([path, operation]) => {
  const { id, summary, answer, streams, example } = ROUTES[operation];
  return [path, {
    post: {
      operationId: id, tags: ['Gateway'], security: securityOf(operation), summary, description: PASSED_ON, parameters: PARAMETERS,
      requestBody: { required: true, content: { 'application/json': { schema: requestSchema(operation), examples: { example: { value: example } } } } },
      responses: {
        200: {
          description: streams ? 'The answer; with `stream: true` server-sent events' : 'The answer', headers: HEADERS,
          content: { 'application/json': { schema: answer }, ...(streams && { 'text/event-stream': { schema: EVENTS } }) },
        },
        ...(operation === 'message' ? errorsOf(STATUSES, OPENAI_SCHEMAS.messageError) : { 502: { description: 'The model\'s provider or runtime failed' } }),
      },
    },
  }];
}));
