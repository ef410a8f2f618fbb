import { isObject } from '../../common/is-object.js';
import type { Operation } from '../../calls/call-record.js';
import { keyHeaders } from '../../deployments/provider-headers.js';
import { errorType, type Json, type OpenAiError, parseObject, type Protocol, unsupported } from './protocol.js';

/** Below a base URL that ends in `/v1`. */
const PATHS: Partial<Record<Operation, string>> = {
  chat: '/chat/completions', completion: '/completions', embedding: '/embeddings', image: '/images/generations',
};

/** OpenAI and those that are compatible with it: all but the model's name is passed on as it is, both ways. */
export const openai: Protocol = {
  operations: new Set(['chat', 'completion', 'embedding', 'image']),
  request(operation, body, model) {
    const path = PATHS[operation];
    if (!path) throw unsupported('model', 'An OpenAI-compatible provider does not take this request.');
    return { path, body: { ...body, model } };
  },
  headers: (apiKey) => keyHeaders('openai', apiKey),
  answer: (_operation, text) => text,
  events: () => null,
  error: openaiError,
};

/** The error objects of OpenAI, vLLM (without the outer `error`) and those that give text alone (TGI, Ollama), with all four fields. */
export function openaiError(text: string, status: number): { status: number; error: OpenAiError } | null {
  const body = parseObject(text) ?? fromList(text);
  const found = isObject(body?.['error']) ? body['error'] : body;
  const { error, message } = found ?? {};
  const words = typeof message === 'string' ? message : typeof error === 'string' ? error : null;
  if (words === null || status < 400) return null;
  // In the order they came in.
  const { type, param, code } = found as Json;
  const more = { ...found };
  delete more['error'];
  return { status, error: {
    ...more, message: words, type: typeof type === 'string' ? type : errorType(status),
    param: typeof param === 'string' ? param : null, code: typeof code === 'string' || typeof code === 'number' ? String(code) : null,
  } };
}

/** Gemini's compatible endpoint answers some errors as a list of one. */
function fromList(text: string): Json | null {
  try {
    const [first] = JSON.parse(text) as unknown[];
    return isObject(first) ? first : null;
  } catch {
    return null;
  }
}
