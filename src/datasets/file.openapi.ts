import { FILE_PURPOSES } from './file.service.js';

const text = { type: 'string' };

/** OpenAI's file object. */
const file = {
  type: 'object', required: ['id', 'object', 'bytes', 'created_at', 'filename', 'purpose', 'status'],
  properties: {
    id: text, object: { const: 'file' }, bytes: { type: 'integer', minimum: 1 }, created_at: { type: 'integer', description: 'Seconds since 1970' },
    filename: text, purpose: { ...text, enum: FILE_PURPOSES }, status: { const: 'processed' },
  },
};

const cursor = { type: ['string', 'null'] };

/** The bodies of OpenAI's files API, as JSON Schemas. */
export const FILE_SCHEMAS = {
  file: file as object,
  page: {
    type: 'object', required: ['object', 'data', 'first_id', 'last_id', 'has_more'],
    properties: { object: { const: 'list' }, data: { type: 'array', items: file }, first_id: cursor, last_id: cursor, has_more: { type: 'boolean' } },
  } as object,
  deleted: { type: 'object', required: ['id', 'object', 'deleted'], properties: { id: text, object: { const: 'file' }, deleted: { const: true } } } as object,
  upload: {
    type: 'object', required: ['file', 'purpose'],
    properties: {
      file: { type: 'string', contentMediaType: 'application/jsonl', examples: ['{"prompt": "Close the blind.", "completion": "close(blind)"}\n'] },
      purpose: { type: 'string', enum: FILE_PURPOSES, examples: ['fine-tune'] },
    },
  } as object,
};
