import { readFileSync } from 'node:fs';
import type { PublishedSchema, Schema } from './published-schema.js';
import { boundsFault, integerFault, kindOf } from './bounds.js';
import { invalid, type Refusal } from './refusal.js';

const { $defs } = JSON.parse(readFileSync(new URL('openai.schema.json', import.meta.url), 'utf8')) as PublishedSchema;

// A model's message may be sent back as it came, which the type of a request does not say.
$defs['completions.ChatCompletionAssistantMessageParam']!.properties!['annotations'] = {};

/** Every field that a request may have at its top, as published. */
export const fieldsOf = (request: string): string[] => Object.keys($defs[request]!.properties!);

/** What is wrong with a request, in OpenAI's words; null when it follows the published schema. */
export function requestFault(request: string, body: Record<string, unknown>): Refusal | null {
  const unknown = Object.keys(body).find((name) => !fieldsOf(request).includes(name));
  if (unknown !== undefined) return invalid(`Unrecognized request argument supplied: ${unknown}`);
  const schema = $defs[request]!;
  if (schema.required!.includes('model') && body['model'] === undefined) return invalid('you must provide a model parameter');
  return integerFault(request, body) ?? fault(schema, body, '') ?? boundsFault(request, body);
}

/** @throws Error when the fake is about to answer what OpenAI would not. */
export function assertPublished(name: string, value: unknown): void {
  const found = fault($defs[name]!, JSON.parse(JSON.stringify(value)), '');
  if (found) throw new Error(`The fake's ${name} is not as published: ${found.error.message}`);
}

const resolve = (schema: Schema): Schema => (schema.$ref ? $defs[schema.$ref.slice('#/$defs/'.length)]! : schema);

function fault(given: Schema, value: unknown, path: string): Refusal | null {
  const schema = resolve(given);
  if (schema.anyOf) return unionFault(schema.anyOf.map(resolve), value, path);
  if (schema.enum) return schema.enum.includes(value as string) ? null : enumFault(schema.enum, value, path);
  if (!schema.type) return null;
  if (!isOf(schema, value)) return typeFault([schema], value, path);
  if (schema.type === 'array') return firstFault(value as unknown[], (item, index) => fault(schema.items!, item, `${path}[${index}]`));
  return schema.type === 'object' ? objectFault(schema, value as Record<string, unknown>, path) : null;
}

function objectFault(schema: Schema, value: Record<string, unknown>, path: string): Refusal | null {
  const place = (name: string) => (path ? `${path}.${name}` : name);
  const missing = schema.required!.find((name) => value[name] === undefined);
  if (missing !== undefined) return invalid(`Missing required parameter: '${place(missing)}'.`, place(missing), 'missing_required_parameter');
  return firstFault(Object.entries(value), ([name, each]) => {
    const known = schema.properties![name];
    if (known) return fault(known, each, place(name));
    if (schema.additionalProperties === false) return invalid(`Unknown parameter: '${place(name)}'.`, place(name), 'unknown_parameter');
    return fault(schema.additionalProperties as Schema, each, place(name));
  });
}

function unionFault(members: Schema[], value: unknown, path: string): Refusal | null {
  const fitting = members.flatMap((each) => (each.anyOf ? each.anyOf.map(resolve) : [each])).filter((each) => isOf(each, value));
  if (fitting.length === 0) return typeFault(members, value, path);
  if (fitting.length === 1) return fault(fitting[0]!, value, path);
  const chosen = typeof value === 'object' && !Array.isArray(value) ? discriminated(fitting, value as Record<string, unknown>, path) : fitting;
  if (!Array.isArray(chosen)) return chosen;
  const faults = chosen.map((each) => fault(each, value, path));
  return faults.includes(null) ? null : faults[0]!;
}

/** The members that an object's `role` or `type` leaves, or what is wrong with that field. */
function discriminated(members: Schema[], value: Record<string, unknown>, path: string): Schema[] | Refusal {
  const field = ['role', 'type', 'object'].find((name) => members.every((each) => each.properties?.[name]?.enum));
  if (field === undefined) return members;
  const place = path ? `${path}.${field}` : field;
  if (value[field] === undefined) return invalid(`Missing required parameter: '${place}'.`, place, 'missing_required_parameter');
  const chosen = members.filter((each) => each.properties![field]!.enum!.includes(value[field] as string));
  return chosen.length > 0 ? chosen : enumFault(members.flatMap((each) => each.properties![field]!.enum!), value[field], place);
}

function isOf(schema: Schema, value: unknown): boolean {
  if (schema.enum) return schema.enum.some((each) => typeof each === typeof value);
  if (schema.type === 'array') return Array.isArray(value);
  if (schema.type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return schema.type === undefined || (schema.type === 'null' ? value === null : typeof value === schema.type);
}

function enumFault(allowed: Schema['enum'] & object, value: unknown, path: string): Refusal {
  if (typeof value !== 'string') return typeFault([{ enum: allowed }], value, path);
  const names = allowed.map((each) => `'${String(each)}'`);
  const list = names.length > 2 ? `${names.slice(0, -1).join(', ')}, and ${names.at(-1)!}` : names.join(' and ');
  return invalid(`Invalid value: '${value}'. Supported values are: ${list}.`, path, 'invalid_value');
}

const NAMES: Record<string, string> = { string: 'a string', number: 'a decimal', boolean: 'a boolean', object: 'an object' };

function typeFault(members: Schema[], value: unknown, path: string): Refusal {
  const names = [...new Set(members.filter((each) => each.type !== 'null').map(nameOf))];
  const bare = names.map((name, index) => (index === 0 ? name : name.replace(/^an? /, '')));
  const last = bare.pop()!;
  const expected = bare.length === 0 ? last : `one of ${bare.join(', ')}${bare.length > 1 ? ',' : ''} or ${last}`;
  return invalid(`Invalid type for '${path}': expected ${expected}, but got ${kindOf(value)} instead.`, path, 'invalid_type');
}

function nameOf(schema: Schema): string {
  if (schema.enum) return NAMES[typeof schema.enum[0]]!;
  if (schema.type !== 'array') return NAMES[schema.type!]!;
  const items = resolve(schema.items!);
  if (items.type === 'array') return 'an array of integer arrays';
  return `an array of ${items.anyOf ? 'objects' : items.type === 'number' ? 'integers' : `${nameOf(items).replace(/^an? /, '')}s`}`;
}

function firstFault<T>(items: T[], faultOf: (item: T, index: number) => Refusal | null): Refusal | null {
  for (const [index, item] of items.entries()) {
    const found = faultOf(item, index);
    if (found) return found;
  }
  return null;
}
