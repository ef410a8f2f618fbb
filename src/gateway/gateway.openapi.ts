import type { OpenAPIObject } from '@nestjs/swagger';
import { chatRequestSchema } from './chat-request.js';
import { OPENAI_SCHEMAS } from './openai.openapi.js';

type Paths = OpenAPIObject['paths'];

const CALL_ID = { 'x-triad-call-id': { description: 'Names the call in the log of calls, and for feedback', schema: { type: 'string' as const } } };

/** The routes that `GatewayRoutes` serves without Nest, which would describe them. */
export const GATEWAY_PATHS: Paths = {
  '/v1/chat/completions': {
    post: {
      operationId: 'createChatCompletion', tags: ['Gateway'], security: [{ bearer: [] }],
      summary: 'OpenAI\'s chat completions', description: 'Fields that are not listed are passed on to the model\'s runtime or provider as they are.',
      requestBody: {
        required: true,
        content: { 'application/json': { schema: chatRequestSchema, examples: { conversation: { value: { model: 'house-assistant', messages: [{ role: 'user', content: 'Close the blind in the studio.' }] } } } } },
      },
      responses: {
        200: {
          description: 'A chat completion; with `stream: true` server-sent events that end with `data: [DONE]`', headers: CALL_ID,
          content: { 'application/json': { schema: OPENAI_SCHEMAS.completion }, 'text/event-stream': { schema: { type: 'string' } } },
        },
        502: { description: 'The model\'s provider or runtime failed' },
      },
    },
  },
};
