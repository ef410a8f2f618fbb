const text = { type: 'string' };
const count = { type: 'integer', minimum: 0 };

const model = {
  type: 'object', required: ['id', 'object', 'created', 'owned_by'],
  properties: { id: text, object: { const: 'model' }, created: { ...count, description: 'Seconds since 1970' }, owned_by: text },
};

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
      usage: { type: ['object', 'null'], properties: { prompt_tokens: count, completion_tokens: count, total_tokens: count } },
    },
  } as object,
};
