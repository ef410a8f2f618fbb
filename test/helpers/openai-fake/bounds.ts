import { invalid, type Refusal } from './refusal.js';

interface Bound {
  integer?: boolean;
  min?: number;
  max?: number;
  minItems?: number;
  maxItems?: number;
  maxLength?: number;
}

const unit = { min: 0, max: 1 };
const penalty = { min: -2, max: 2 };
const count = (min: number, max?: number): Bound => ({ integer: true, min, ...(max !== undefined && { max }) });

/** The published limits of values, which types do not hold: they stand in the descriptions of the fields. */
const BOUNDS: Record<string, Record<string, Bound>> = {
  ChatCompletionCreateParamsBase: {
    messages: { minItems: 1 }, temperature: { min: 0, max: 2 }, top_p: unit, presence_penalty: penalty, frequency_penalty: penalty, n: count(1, 128),
    top_logprobs: count(0, 20), max_tokens: count(1), max_completion_tokens: count(1), seed: { integer: true }, stop: { maxItems: 4 }, tools: { minItems: 1, maxItems: 128 },
  },
  CompletionCreateParamsBase: {
    temperature: { min: 0, max: 2 }, top_p: unit, presence_penalty: penalty, frequency_penalty: penalty, n: count(1, 128), best_of: count(1, 20),
    logprobs: count(0, 5), max_tokens: count(0), seed: { integer: true }, stop: { maxItems: 4 },
  },
  EmbeddingCreateParams: { input: { minItems: 1, maxItems: 2048 }, dimensions: count(1) },
  ImageGenerateParamsBase: { prompt: { maxLength: 32_000 }, n: count(1, 10), output_compression: count(0, 100), partial_images: count(0, 3) },
};

/** A whole number that is none, which the published type has as any number. */
export function integerFault(request: string, body: Record<string, unknown>): Refusal | null {
  const wrong = Object.entries(BOUNDS[request] ?? {}).find(([field, { integer }]) => integer && body[field] != null && !Number.isInteger(body[field]))?.[0];
  return wrong === undefined ? null : invalid(`Invalid type for '${wrong}': expected an integer, but got ${kindOf(body[wrong])} instead.`, wrong, 'invalid_type');
}

/** OpenAI's words for what it got. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal number';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** What is beyond the published limits, in OpenAI's words. */
export function boundsFault(request: string, body: Record<string, unknown>): Refusal | null {
  for (const [field, bound] of Object.entries(BOUNDS[request] ?? {})) {
    const value = body[field];
    const found = typeof value === 'number' ? numberFault(field, value, bound) : Array.isArray(value) ? itemsFault(field, value.length, bound)
      : typeof value === 'string' ? lengthFault(field, value.length, bound) : null;
    if (found) return found;
  }
  return null;
}

function numberFault(field: string, value: number, { integer, min, max }: Bound): Refusal | null {
  const kind = integer ? 'integer' : 'decimal';
  if (max !== undefined && value > max) return invalid(`Invalid '${field}': ${kind} above maximum value. Expected a value <= ${max}, but got ${value} instead.`, field, `${kind}_above_max_value`);
  if (min !== undefined && value < min) return invalid(`Invalid '${field}': ${kind} below minimum value. Expected a value >= ${min}, but got ${value} instead.`, field, `${kind}_below_min_value`);
  return null;
}

function itemsFault(field: string, length: number, { minItems = 0, maxItems = Infinity }: Bound): Refusal | null {
  if (length < minItems) return invalid(`Invalid '${field}': empty array. Expected an array with minimum length ${minItems}, but got an empty array instead.`, field, 'empty_array');
  if (length > maxItems) return invalid(`Invalid '${field}': array too long. Expected an array with maximum length ${maxItems}, but got an array with length ${length} instead.`, field, 'array_above_max_length');
  return null;
}

function lengthFault(field: string, length: number, { maxLength = Infinity }: Bound): Refusal | null {
  if (length <= maxLength) return null;
  return invalid(`Invalid '${field}': string too long. Expected a string with maximum length ${maxLength}, but got a string with length ${length} instead.`, field, 'string_above_max_length');
}
