const text = { type: 'string' };
const count = { type: 'integer', minimum: 0 };

const model = {
  type: 'object', required: ['id', 'object', 'created', 'owned_by'],
  properties: { id: text, object: { const: 'model' }, created: { ...count, description: 'Seconds since 1970' }, owned_by: text },
};

const usage = { type: ['object', 'null'], properties: { prompt_tokens: count, completion_tokens: count, total_tokens: count } };
const some = { type: 'array', items: { type: 'object' } };

/** Answers of OpenAI's routes, as JSON Schemas. A completion is the runtime's or provider's own, so only what all of them hold. */
export const OPENAI_SCHEMAS = {
  model: model as object,
  models: { type: 'object', required: ['object', 'data'], properties: { object: { const: 'list' }, data: { type: 'array', items: model } } } as object,
  completion: {
    type: 'object', required: ['id', 'object', 'created', 'model', 'choices'],
    properties: {
      id: text, object: { const: 'chat.completion' }, created: count, model: text,
      choices: {
        type: 'array',
        items: {
          type: 'object', required: ['index', 'message', 'finish_reason'],
          properties: { index: count, message: { type: 'object', required: ['role'], properties: { role: text, content: { type: ['string', 'null'] } } }, finish_reason: { type: ['string', 'null'] } },
        },
      },
      usage,
    },
  } as object,
  textCompletion: { type: 'object', required: ['id', 'object', 'created', 'model', 'choices'], properties: { id: text, object: { const: 'text_completion' }, created: count, model: text, choices: some, usage } } as object,
  embeddings: { type: 'object', required: ['object', 'data', 'model'], properties: { object: { const: 'list' }, data: some, model: text } } as object,
  images: { type: 'object', required: ['created', 'data'], properties: { created: count, data: some } } as object,
  messageError: {
    type: 'object', required: ['type', 'error', 'request_id'],
    properties: { type: { const: 'error' }, error: { type: 'object', required: ['type', 'message'], properties: { type: text, message: text } }, request_id: text },
  } as object,
  message: { type: 'object', required: ['id', 'type', 'role', 'content', 'model'], properties: { id: text, type: { const: 'message' }, role: { const: 'assistant' }, content: some, model: text } } as object,
};
