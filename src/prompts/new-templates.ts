import { DomainError } from '../common/errors.js';
import { assertTightens } from './input-schema.js';
import type { ChatTemplate, PromptType, PromptVersionEntity } from './prompt.entity.js';
import { Inference } from './templates/infer.js';
import { parse } from './templates/parse.js';

/** Places in the variables that templates may speak of: checking them takes time in proportion. */
const MAX_PLACES = 300;

/**
 * Reads the templates of a new version.
 * @returns what follows from them and is stored with it
 * @throws DomainError bad_input naming message, line and column, or what is wrong with the schema.
 */
export function newTemplates({ type, messages, inputSchema }: { type: PromptType; messages: ChatTemplate[]; inputSchema?: Record<string, unknown> | null | undefined }): Pick<PromptVersionEntity, 'variables' | 'inputSchema' | 'inputSchemaGiven' | 'includes'> {
  if (messages.length === 0) throw new DomainError('bad_input', 'A prompt needs at least one message.', 'messages');
  if (type !== 'chat' && (messages.length > 1 || messages[0]!.role !== 'user')) {
    throw new DomainError('bad_input', `A prompt of type ${type} has one message, of role user. Make it of type chat for others.`, 'messages');
  }
  const used = { characters: 0, tags: 0, tagCharacters: 0 };
  const { variables, schema, includes, size } = new Inference(messages.map(({ content }, index) => parse(content, index + 1, used)));
  if (size > MAX_PLACES) throw new DomainError('bad_input', `The templates read more than ${MAX_PLACES} variables and properties. Give some of them as lists, and loop over these.`, 'messages');
  if (inputSchema) assertTightens(inputSchema, schema);
  return { variables, inputSchema: inputSchema ?? schema, inputSchemaGiven: Boolean(inputSchema), includes: [...includes.keys()].sort() };
}
