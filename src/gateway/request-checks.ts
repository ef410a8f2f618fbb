import { isObject } from '../common/is-object.js';
import type { Operation } from '../calls/call-record.js';
import { DomainError } from '../common/errors.js';

/** A registered prompt that the server renders. */
export interface PromptCall {
  /** `prompts:/name@label`; or else the name, with a label or a version. */
  ref?: string;
  name?: string;
  label?: string;
  version?: number;
  variables: Record<string, unknown>;
}

/** What the gateway itself reads of a request. */
export interface CheckedRequest {
  /** Null when the prompt's config is to name one. */
  model: string | null;
  prompt: PromptCall | null;
}

type Fields = Record<string, unknown>;
/** What a field may be: in OpenAI's words, as a test, and as a JSON Schema. Null is none given. */
type Kind = readonly [words: string, holds: (value: unknown) => boolean, schema: object];

const isText = (value: unknown): value is string => typeof value === 'string';
const isWhole = (value: unknown): boolean => Number.isInteger(value);
const each = (holds: (value: unknown) => boolean) => (value: unknown): boolean => Array.isArray(value) && value.every(holds);

const [text, whole, object] = [{ type: 'string' }, { type: 'integer' }, { type: 'object' }];
const listOf = (items: object) => ({ type: 'array', items });
const TEXT: Kind = ['a string', isText, text];
const WHOLE: Kind = ['an integer', isWhole, whole];
const DECIMAL: Kind = ['a decimal', (value) => typeof value === 'number', { type: 'number' }];
const BOOLEAN: Kind = ['a boolean', (value) => typeof value === 'boolean', { type: 'boolean' }];
const OBJECT: Kind = ['an object', isObject, object];
const OBJECTS: Kind = ['an array of objects', each(isObject), listOf(object)];
const TEXTS: Kind = ['an array of strings', each(isText), listOf(text)];
const TEXT_OR_TEXTS: Kind = ['one of a string or array of strings', (value) => isText(value) || each(isText)(value), { anyOf: [text, listOf(text)] }];
const TEXT_OR_OBJECT: Kind = ['one of a string or object', (value) => isText(value) || isObject(value), { anyOf: [text, object] }];
const TEXT_OR_OBJECTS: Kind = ['one of a string or array of objects', (value) => isText(value) || each(isObject)(value), { anyOf: [text, listOf(object)] }];
/** A text or its tokens, or several of either. */
const TEXT_OR_TOKENS: Kind = ['one of a string, array of strings, array of integers, or array of integer arrays',
  (value) => isText(value) || each(isText)(value) || each(isWhole)(value) || each(each(isWhole))(value), { anyOf: [text, listOf(text), listOf(whole), listOf(listOf(whole))] }];
const TEXT_TOKENS_OR_PROMPT: Kind = [TEXT_OR_TOKENS[0], (value) => isObject(value) || TEXT_OR_TOKENS[1](value), { anyOf: [TEXT_OR_TOKENS[2], object] }];

const ALL: Record<string, Kind> = { model: TEXT };
const SAMPLING: Record<string, Kind> = {
  ...ALL, stream: BOOLEAN, max_tokens: WHOLE, temperature: DECIMAL, top_p: DECIMAL, n: WHOLE, seed: WHOLE, stop: TEXT_OR_TEXTS, frequency_penalty: DECIMAL,
  presence_penalty: DECIMAL, logit_bias: OBJECT, stream_options: OBJECT, user: TEXT,
};
/** The types of fields that are known; any other field is passed on as it is. Whether a value is allowed is for who answers to say. */
const FIELDS: Record<Operation, Record<string, Kind>> = {
  chat: {
    ...SAMPLING, messages: OBJECTS, prompt: OBJECT, max_completion_tokens: WHOLE, logprobs: BOOLEAN, top_logprobs: WHOLE, tools: OBJECTS, tool_choice: TEXT_OR_OBJECT,
    parallel_tool_calls: BOOLEAN, response_format: OBJECT, reasoning_effort: TEXT, metadata: OBJECT, store: BOOLEAN, service_tier: TEXT, modalities: TEXTS,
  },
  completion: { ...SAMPLING, prompt: TEXT_TOKENS_OR_PROMPT, logprobs: WHOLE, best_of: WHOLE, echo: BOOLEAN, suffix: TEXT },
  embedding: { ...ALL, input: TEXT_OR_TOKENS, dimensions: WHOLE, encoding_format: TEXT, user: TEXT },
  image: { ...ALL, prompt: TEXT_OR_OBJECT, n: WHOLE, size: TEXT, quality: TEXT, style: TEXT, response_format: TEXT, output_format: TEXT, background: TEXT, stream: BOOLEAN, user: TEXT },
  message: {
    ...ALL, messages: OBJECTS, prompt: OBJECT, max_tokens: WHOLE, system: TEXT_OR_OBJECTS, stop_sequences: TEXTS, stream: BOOLEAN, temperature: DECIMAL, top_p: DECIMAL, top_k: WHOLE,
    tools: OBJECTS, tool_choice: OBJECT, thinking: OBJECT, metadata: OBJECT, output_config: OBJECT,
  },
};
/** What must be given, save with a registered prompt, whose config may hold it. */
const REQUIRED: Record<Operation, readonly string[]> = { chat: ['messages'], completion: [], embedding: ['input'], image: ['prompt'], message: ['messages', 'max_tokens'] };

/** What Postgres' integer holds. */
const MAX_VERSION = 2_147_483_647;
const PROMPT_FIELDS: Record<string, Kind> = { ref: TEXT, name: TEXT, label: TEXT, version: WHOLE, variables: OBJECT };

const MESSAGES = { type: 'array', items: { type: 'object', required: ['role'], properties: { role: text, content: orNull(TEXT_OR_OBJECTS[2]) } } };
const PROMPT = {
  description: 'A registered prompt that the server renders: `ref`, or `name` with `label` or `version`. Of a chat its messages go before those of the request.',
  type: 'object', additionalProperties: false,
  properties: { ref: orNull({ ...text, description: '`prompts:/name@label`' }), name: orNull(text), label: orNull(text), version: orNull({ ...whole, minimum: 1, maximum: MAX_VERSION }), variables: orNull(object) },
};

function orNull(schema: object): object {
  return { anyOf: [schema, { type: 'null' }] };
}

/** What `checkRequest` takes, as JSON Schema: for the description of the API. */
export function requestSchema(operation: Operation): object {
  const properties = Object.fromEntries(Object.entries(FIELDS[operation]).map(([name, [, , schema]]) => [name, orNull(name === 'messages' ? MESSAGES : schema)]));
  const takesPrompt = 'prompt' in properties;
  if (takesPrompt) properties['prompt'] = orNull(operation === 'chat' || operation === 'message' ? PROMPT : { anyOf: [operation === 'completion' ? TEXT_OR_TOKENS[2] : text, PROMPT] });
  const must = ['model', ...REQUIRED[operation]];
  return { type: 'object', properties, ...(takesPrompt ? { anyOf: [{ required: must }, { required: ['prompt'] }] } : { required: must }) };
}

/**
 * Checks what of a request every provider agrees on; the body is passed on as it is.
 * @throws DomainError bad_input with OpenAI's message, `param` and code, naming the first field that is wrong.
 */
export function checkRequest(operation: Operation, body: unknown): CheckedRequest {
  if (!isObject(body)) throw new DomainError('bad_input', `The body must be a JSON object, but is ${wordsFor(body)}.`, null, 'invalid_type');
  checkTypes(FIELDS[operation], body, '');
  const { model, messages } = body;
  const prompt = isObject(body['prompt']) ? promptOf(body['prompt']) : null;
  for (const name of REQUIRED[operation]) if (body[name] == null && !prompt) throw missing(name);
  if ((model == null || model === '') && !prompt) throw missing('model');
  if (Array.isArray(messages)) {
    if (messages.length === 0 && !prompt) throw empty('messages', 'array');
    checkMessages(messages as Fields[]);
  }
  return { model: isText(model) && model !== '' ? model : null, prompt };
}

function checkTypes(kinds: Record<string, Kind>, fields: Fields, within: string): void {
  for (const name in fields) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    const value = fields[name];
    if (kind !== undefined && value !== null && value !== undefined && !kind[1](value)) throw wrongType(within + name, kind[0], value);
  }
}

function checkMessages(messages: Fields[]): void {
  messages.forEach((message, index) => {
    const { role, content } = message;
    if (role == null) throw missing(`messages[${index}].role`);
    if (!isText(role)) throw wrongType(`messages[${index}].role`, TEXT[0], role);
    if (content != null && !TEXT_OR_OBJECTS[1](content)) throw wrongType(`messages[${index}].content`, TEXT_OR_OBJECTS[0], content);
  });
}

function promptOf(given: Fields): PromptCall {
  for (const name in given) if (!Object.hasOwn(PROMPT_FIELDS, name)) throw new DomainError('bad_input', `Unknown parameter: 'prompt.${name}'.`, `prompt.${name}`, 'unknown_parameter');
  checkTypes(PROMPT_FIELDS, given, 'prompt.');
  const { ref, name, label, version, variables } = given;
  if ((ref == null) === (name == null)) throw new DomainError('bad_input', 'prompt: give either ref, or name with label or version.', 'prompt', 'invalid_value');
  if (typeof version === 'number' && !(version >= 1 && version <= MAX_VERSION)) throw new DomainError('bad_input', `Invalid 'prompt.version': a version is a whole number from 1 to ${MAX_VERSION}.`, 'prompt.version', 'invalid_value');
  const chosen = [ref, label, version].filter((value) => value != null).length;
  if (chosen > 1) throw new DomainError('bad_input', 'prompt: give a label or a version, not both; a ref holds its own.', 'prompt', 'invalid_value');
  return {
    ...(isText(ref) && { ref }), ...(isText(name) && { name }), ...(isText(label) && { label }), ...(typeof version === 'number' && { version }),
    variables: isObject(variables) ? variables : {},
  };
}

const missing = (name: string) => new DomainError('bad_input', `Missing required parameter: '${name}'.`, name, 'missing_required_parameter');
const empty = (name: string, what: string) => new DomainError('bad_input', `Invalid '${name}': empty ${what}. Expected an ${what} with minimum length 1, but got an empty ${what} instead.`, name, `empty_${what}`);
const wrongType = (name: string, expected: string, value: unknown) => new DomainError('bad_input', `Invalid type for '${name}': expected ${expected}, but got ${wordsFor(value)} instead.`, name, 'invalid_type');

/** OpenAI's words for what it got. */
function wordsFor(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'an array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal number';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
