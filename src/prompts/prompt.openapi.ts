import type { OpenAPIObject } from '@nestjs/swagger';
import { LABEL_PATTERN, NAME_PATTERN } from '../common/references.js';
import { ChatRoleEnum, PromptTypeEnum } from './prompt.types.js';

const text = { type: 'string' };
const texts = { type: 'array', items: text };
const nullable = { type: ['string', 'null'] };
const time = { type: 'string', format: 'date-time' };
const types = { ...text, enum: Object.values(PromptTypeEnum) };
const messages = {
  type: 'array', minItems: 1,
  items: { type: 'object', required: ['role', 'content'], properties: { role: { ...text, enum: Object.values(ChatRoleEnum) }, content: text } },
};
const said = { oneOf: [text, messages], description: 'Of a chat prompt its messages, of any other its text' };

/** A version, by Langfuse's names. */
const version = {
  type: 'object', required: ['id', 'name', 'type', 'prompt', 'config', 'version', 'labels', 'tags', 'commitMessage', 'createdBy', 'createdAt'],
  properties: {
    id: text, name: text, type: types, prompt: said, config: { type: 'object' }, version: { type: 'integer', minimum: 1 },
    labels: { ...texts, description: '`latest` included' }, tags: { ...texts, description: "The version's and the prompt's" },
    commitMessage: nullable, createdBy: text, createdAt: time,
  },
};

const listed = {
  type: 'object', required: ['id', 'name', 'type', 'description', 'tags', 'labels', 'latestVersion', 'createdAt', 'archivedAt'],
  properties: {
    id: text, name: text, type: types, description: nullable, tags: texts, labels: texts,
    latestVersion: { type: 'integer', minimum: 1 }, createdAt: time, archivedAt: { type: ['string', 'null'], format: 'date-time' },
  },
};

/** The bodies of the prompt routes, as JSON Schemas. */
export const PROMPT_SCHEMAS = {
  version: version as object,
  page: {
    type: 'object', required: ['object', 'data', 'has_more', 'next'],
    properties: { object: { const: 'list' }, data: { type: 'array', items: listed }, has_more: { type: 'boolean' }, next: nullable },
  } as object,
  create: {
    type: 'object', required: ['name', 'prompt'], additionalProperties: false,
    properties: {
      name: { ...text, maxLength: 200, pattern: NAME_PATTERN.source, examples: ['house/call'] },
      type: { ...types, default: 'text' },
      prompt: said,
      config: { type: ['object', 'null'], description: "Model settings by OpenAI's names; others are kept" },
      labels: { type: ['array', 'null'], items: { ...text, pattern: LABEL_PATTERN.source } },
      tags: { type: ['array', 'null'], items: text },
      commitMessage: nullable,
    },
  } as object,
};

/** The route that `PromptRoutes` serves without Nest, which would describe it. */
export const PROMPT_PATHS: OpenAPIObject['paths'] = {
  '/v1/prompts/{path}': {
    get: {
      operationId: 'fetchPrompt', tags: ['Prompts'], security: [{ bearer: [] }],
      summary: 'One version of a prompt', description: 'By number or label, not both; with neither the one labelled production. Right within a second after a label moved.',
      parameters: [
        { name: 'path', in: 'path', required: true, description: 'The name, whose slashes may stay as they are', schema: { type: 'string', minLength: 1, maxLength: 200, pattern: NAME_PATTERN.source, examples: ['house/call'] } as object },
        { name: 'label', in: 'query', required: false, description: 'Without it and without version: production', schema: { type: 'string', pattern: LABEL_PATTERN.source } },
        { name: 'version', in: 'query', required: false, schema: { type: 'integer', minimum: 1, maximum: 2_147_483_647 } },
      ],
      responses: { 200: { description: 'The version', content: { 'application/json': { schema: version } } } },
    },
  },
};
