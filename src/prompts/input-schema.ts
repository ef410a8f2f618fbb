import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { DomainError } from '../common/errors.js';
import type { JsonSchema } from './templates/infer.js';
import { describe } from './templates/values.js';

const MAX_SCHEMA_CHARACTERS = 32_000;
const MAX_NAMED = 5;
/** In `$.a.b` as the author writes it: where a schema stands within another. */
const IN_OBJECT = ['properties'];
const IN_LIST = ['anyOf', 'oneOf', 'allOf', 'prefixItems'];
const ALONE = ['items', 'additionalProperties', 'not', 'propertyNames', 'contains'];
/**
 * Keywords that take time in proportion to schema and value. `pattern`, `$ref` and `uniqueItems` may take far longer;
 * `default` would change nothing, since the template is what fills in a value.
 */
const KEYWORDS = new Set([
  ...IN_OBJECT, ...IN_LIST, ...ALONE, '$schema', '$comment', 'title', 'description', 'examples', 'deprecated', 'type', 'enum', 'const', 'format',
  'required', 'minProperties', 'maxProperties', 'minItems', 'maxItems', 'minContains', 'maxContains', 'minLength', 'maxLength',
  'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf',
]);
const INSTEAD: Record<string, string> = {
  default: ' Write {{ x | default: "…" }} in the template.',
  pattern: ' Use enum, format or maxLength.', patternProperties: ' Use properties and additionalProperties.', $ref: ' Write the schema out.',
};

const ajv = new Ajv2020({ allErrors: true, verbose: true, ownProperties: true, strict: true, strictTypes: false, strictTuples: false, strictRequired: false, allowUnionTypes: true });
addFormats.default(ajv, { mode: 'fast', formats: ['date', 'time', 'date-time', 'email', 'uri', 'uuid'] });

/** Checks variables. @throws DomainError undefined_variable naming what is missing or wrong. */
export type CheckVariables = (variables: Record<string, unknown>) => void;

/**
 * @param title whose variables they are: `Prompt "greet"`
 */
export function compileInputSchema(schema: JsonSchema, title: string): CheckVariables {
  const validate = ajv.compile(schema);
  // Else every schema ever compiled would be kept.
  ajv.removeSchema(schema);
  return (variables) => {
    if (!validate(variables)) throw wrongVariables(title, validate.errors!, variables);
  };
}

function wrongVariables(title: string, errors: NonNullable<ValidateFunction['errors']>, variables: Record<string, unknown>): DomainError {
  const wrong = new Map<string, string>();
  for (const error of errors) {
    const path = pathOf(error);
    if (!wrong.has(path)) wrong.set(path, `{{${path}}} ${problemOf(error)}`);
  }
  const named = [...wrong.values()].slice(0, MAX_NAMED).join('; ');
  const more = wrong.size > MAX_NAMED ? `; and ${wrong.size - MAX_NAMED} more` : '';
  return new DomainError('undefined_variable', `${title} needs ${named}${more}. Given: ${Object.keys(variables).slice(0, 50).join(', ').slice(0, 500) || 'none'}.`, `variables.${wrong.keys().next().value!}`);
}

/** `docs[2].title` */
function pathOf({ instancePath, keyword, params }: ErrorObject): string {
  const steps = instancePath.split('/').slice(1).map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const { missingProperty, additionalProperty } = params as { missingProperty?: string; additionalProperty?: string };
  if (keyword === 'required') steps.push(missingProperty!);
  if (keyword === 'additionalProperties') steps.push(additionalProperty!);
  return steps.map((step, index) => (/^\d+$/.test(step) ? `[${step}]` : index === 0 ? step : `.${step}`)).join('').slice(0, 200);
}

function problemOf({ keyword, params, data, message, parentSchema }: ErrorObject): string {
  const { missingProperty, allowedValues } = params as { missingProperty?: string; allowedValues?: unknown[] };
  switch (keyword) {
    case 'required': {
      const { properties } = parentSchema as { properties?: Record<string, JsonSchema> };
      const expected = properties && Object.hasOwn(properties, missingProperty!) ? expectedBy(properties[missingProperty!]!) : '';
      return `${expected && `as ${expected}, `}which is missing`;
    }
    case 'type': return `as ${expectedBy(parentSchema as JsonSchema)}; given: ${describe(data)}`;
    case 'additionalProperties': return 'not to be given: its schema names no such variable';
    case 'enum': return `as one of ${allowedValues!.slice(0, 20).map((value) => JSON.stringify(value)).join(', ').slice(0, 500)}`;
    default: return `to hold: ${message}`;
  }
}

const WORDS: Record<string, string> = { string: 'text', number: 'number', integer: 'whole number', boolean: 'boolean', array: 'list', object: 'object', null: 'null' };

function expectedBy({ type }: JsonSchema): string {
  const words = (Array.isArray(type) ? type : type === undefined ? [] : [type]).map((each) => WORDS[String(each)]!);
  return words.length > 1 ? `${words.slice(0, -1).join(', ')} or ${words.at(-1)}` : words[0] ?? '';
}

/**
 * Refuses a schema of the author's that is none, or that lets through less or other than the templates read.
 * @throws DomainError bad_input naming the keyword or the variable.
 */
export function assertTightens(given: JsonSchema, inferred: JsonSchema): void {
  const length = JSON.stringify(given).length;
  if (length > MAX_SCHEMA_CHARACTERS) refuse('', `it has ${length} characters; ${MAX_SCHEMA_CHARACTERS} are the most.`);
  if (given['type'] !== 'object') refuse('', 'it describes all variables together, so its type is "object".');
  assertAllowed(given, '');
  try {
    compileInputSchema(given, '');
  } catch (error) {
    if (error instanceof DomainError) throw error;
    refuse('', (error as Error).message);
  }
  assertCovers(given, inferred, '', true);
}

const refuse = (path: string, why: string): never => {
  throw new DomainError('bad_input', `inputSchema cannot be used${path && ` at ${path}`}: ${why}`, 'inputSchema');
};

const isSchema = (value: unknown): value is JsonSchema => typeof value === 'object' && value !== null && !Array.isArray(value);

function assertAllowed(schema: unknown, path: string): void {
  if (typeof schema === 'boolean') return;
  if (!isSchema(schema)) return refuse(path, 'a schema is an object.');
  for (const [keyword, value] of Object.entries(schema)) {
    const at = path ? `${path}.${keyword}` : keyword;
    if (!KEYWORDS.has(keyword)) refuse(path, `the keyword ${JSON.stringify(keyword.slice(0, 100))} is not supported.${Object.hasOwn(INSTEAD, keyword) ? INSTEAD[keyword]! : ''}`);
    if (ALONE.includes(keyword)) assertAllowed(value, at);
    if (IN_LIST.includes(keyword) && Array.isArray(value)) value.forEach((each, index) => assertAllowed(each, `${at}[${index}]`));
    if (IN_OBJECT.includes(keyword) && isSchema(value)) for (const [name, each] of Object.entries(value)) assertAllowed(each, `${at}.${name}`);
  }
}

/** Every variable that the templates read is described and, where they always read it, required; no type shuts out all that they can use. */
function assertCovers(given: JsonSchema, inferred: JsonSchema, path: string, top: boolean): void {
  const [has, needs] = [typesOf(given), typesOf(inferred)];
  if (has && needs && !has.some((type) => needs.includes(type === 'integer' ? 'number' : type))) {
    refuse(path, `it asks for ${has.join(' or ')}, and the template reads it as ${needs.join(' or ')}.`);
  }
  const [properties, read] = [given['properties'] ?? {}, inferred['properties'] ?? {}] as Record<string, unknown>[];
  const required = (given['required'] ?? []) as string[];
  for (const [name, use] of Object.entries(read!)) {
    const at = path ? `${path}.${name}` : name;
    const described = Object.hasOwn(properties!, name) ? properties![name] : undefined;
    if (described === undefined && (top || given['additionalProperties'] === false)) refuse(at, 'the template reads it; describe it under properties.');
    if (described === false) refuse(at, 'the template reads it, and the schema forbids it.');
    if (top && (inferred['required'] as string[]).includes(name) && !required.includes(name)) refuse(at, 'the template always reads it; name it under required, or write {{ x | default: "…" }}.');
    if (isSchema(described)) assertCovers(described, use as JsonSchema, at, false);
  }
  if (isSchema(given['items']) && isSchema(inferred['items'])) assertCovers(given['items'], inferred['items'], `${path}[]`, false);
}

function typesOf({ type }: JsonSchema): string[] | null {
  return type === undefined ? null : ([] as string[]).concat(type as string | string[]);
}
