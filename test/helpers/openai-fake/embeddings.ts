import { createHash } from 'node:crypto';
import type { CreateEmbeddingResponse } from 'openai/resources/embeddings';
import { invalid, type Refusal } from './refusal.js';

/** What a text-embedding-3-small answers unless asked for fewer. */
const DIMENSIONS = 1536;

export function embeddingsFault({ input, dimensions }: any): Refusal | null {
  if (input === '' || (Array.isArray(input) && input.includes(''))) return invalid('\'$.input\' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.');
  if (dimensions > DIMENSIONS) return invalid(`Invalid value for 'dimensions' = ${dimensions}. Must be less than or equal to ${DIMENSIONS}.`, 'dimensions');
  return null;
}

/** A unit vector of each input, the same at each call; as floats, or as base64 of little-endian float32. */
export function embeddingsOf({ input, model, dimensions, encoding_format }: any): CreateEmbeddingResponse {
  const inputs: (string | number[])[] = typeof input === 'string' || typeof input[0] === 'number' ? [input] : input;
  const data = inputs.map((each, index) => {
    const vector = vectorOf(each, dimensions ?? DIMENSIONS);
    return { object: 'embedding' as const, index, embedding: (encoding_format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : [...vector]) as number[] };
  });
  const tokens = inputs.reduce((sum, each) => sum + each.length, 0);
  return { object: 'list', data, model, usage: { prompt_tokens: tokens, total_tokens: tokens } };
}

function vectorOf(input: string | number[], dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  for (let at = 0; at < dimensions; at += 32) {
    const bytes = createHash('sha256').update(`${at}:${typeof input === 'string' ? input : String.fromCharCode(...input)}`).digest();
    for (let byte = 0; byte < 32 && at + byte < dimensions; byte += 1) vector[at + byte] = bytes[byte]! - 127.5;
  }
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}
