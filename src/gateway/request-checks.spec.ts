import { describe, expect, it } from 'vitest';
import type { Operation } from '../calls/call-record.js';
import { DomainError } from '../common/errors.js';
import { httpError } from '../common/http-error.filter.js';
import { checkRequest } from './request-checks.js';

const messages = [{ role: 'user', content: 'x' }];
const errorOf = (operation: Operation, body: unknown) => {
  try {
    checkRequest(operation, body);
  } catch (error) {
    expect(error).toBeInstanceOf(DomainError);
    const { status, body: told } = httpError(error);
    return { status, ...told.error };
  }
  throw new Error('it was taken');
};

it.each<[Operation, object]>([
  ['chat', { model: 'm', messages, temperature: null, stop: ['a'], tool_choice: 'auto', odd: 5, response_format: { type: 'text' } }],
  ['chat', { model: 'm', messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }, { role: 'assistant', content: null, tool_calls: [] }] }],
  ['chat', { model: 'm', messages: [], prompt: { name: 'p' } }],
  ['completion', { model: 'm', prompt: 'x' }], ['completion', { model: 'm', prompt: ['x', 'y'] }], ['completion', { model: 'm', prompt: [1, 2] }], ['completion', { model: 'm', prompt: [[1], [2]] }], ['completion', { model: 'm' }],
  ['embedding', { model: 'm', input: 'x', dimensions: 5, encoding_format: 'base64' }], ['embedding', { model: 'm', input: [[1, 2]] }],
  ['image', { model: 'm', prompt: 'A lamp', n: 1, size: '1024x1024', seed: 5 }],
  ['message', { model: 'm', max_tokens: 5, messages, system: [{ type: 'text', text: 'x' }] }],
])('takes a %s: %j', (operation, body) => {
  const before = JSON.stringify(body);
  expect(checkRequest(operation, body)).toMatchObject({ model: 'm' });
  expect(JSON.stringify(body)).toBe(before);
});

describe('a prompt of the registry', () => {
  it('is read with its variables, and may name the model', () => {
    expect(checkRequest('chat', { prompt: { name: 'a/b', label: 'production', variables: { x: 1 } }, stream: true })).toEqual({ model: null, prompt: { name: 'a/b', label: 'production', variables: { x: 1 } } });
    expect(checkRequest('message', { prompt: { ref: 'prompts:/a@b' } }).prompt).toEqual({ ref: 'prompts:/a@b', variables: {} });
    expect(checkRequest('image', { model: 'm', prompt: { name: 'a', version: 3 } }).prompt).toEqual({ name: 'a', version: 3, variables: {} });
    expect(checkRequest('image', { model: 'm', prompt: 'A lamp' }).prompt).toBeNull();
  });

  it.each([
    [{}, 'prompt', 'invalid_value'], [{ name: 'a', ref: 'b' }, 'prompt', 'invalid_value'], [{ name: 'a', label: 'b', version: 1 }, 'prompt', 'invalid_value'], [{ ref: 'a', version: 1 }, 'prompt', 'invalid_value'],
    [{ name: 'a', version: '1' }, 'prompt.version', 'invalid_type'], [{ name: 'a', variables: [] }, 'prompt.variables', 'invalid_type'], [{ name: 'a', vars: {} }, 'prompt.vars', 'unknown_parameter'],
  ])('%j is none', (prompt, param, code) => {
    expect(errorOf('chat', { model: 'm', prompt })).toMatchObject({ status: 400, param, code });
  });
});

it.each<[Operation, unknown, object]>([
  ['chat', { model: 'm' }, { message: 'Missing required parameter: \'messages\'.', param: 'messages', code: 'missing_required_parameter' }],
  ['chat', { messages }, { message: 'Missing required parameter: \'model\'.', param: 'model', code: 'missing_required_parameter' }],
  ['chat', { model: 5, messages }, { message: 'Invalid type for \'model\': expected a string, but got an integer instead.', param: 'model', code: 'invalid_type' }],
  ['chat', { model: 'm', messages: 'x' }, { message: 'Invalid type for \'messages\': expected an array of objects, but got a string instead.', param: 'messages', code: 'invalid_type' }],
  ['chat', { model: 'm', messages: [] }, { message: 'Invalid \'messages\': empty array. Expected an array with minimum length 1, but got an empty array instead.', param: 'messages', code: 'empty_array' }],
  ['chat', { model: 'm', messages: [{ role: 'user', content: 5 }] }, { message: 'Invalid type for \'messages[0].content\': expected one of a string or array of objects, but got an integer instead.', param: 'messages[0].content', code: 'invalid_type' }],
  ['chat', { model: 'm', messages: [{ content: 'x' }] }, { param: 'messages[0].role', code: 'missing_required_parameter' }],
  ['chat', { model: 'm', messages, temperature: 'hot' }, { message: 'Invalid type for \'temperature\': expected a decimal, but got a string instead.', param: 'temperature', code: 'invalid_type' }],
  ['chat', { model: 'm', messages, max_tokens: 1.5 }, { message: 'Invalid type for \'max_tokens\': expected an integer, but got a decimal number instead.', code: 'invalid_type' }],
  ['chat', { model: 'm', messages, stream: 'yes' }, { param: 'stream', code: 'invalid_type' }],
  ['completion', { model: 'm', prompt: [1, 'x'] }, { param: 'prompt', code: 'invalid_type' }],
  ['embedding', { model: 'm' }, { param: 'input', code: 'missing_required_parameter' }],
  ['embedding', { model: 'm', input: {} }, { param: 'input', code: 'invalid_type' }],
  ['image', { model: 'm' }, { param: 'prompt', code: 'missing_required_parameter' }],
  ['image', { model: 'm', prompt: ['x'] }, { param: 'prompt', code: 'invalid_type' }],
  ['message', { model: 'm', messages }, { param: 'max_tokens', code: 'missing_required_parameter' }],
  ['chat', [], { param: null, code: 'invalid_type' }],
  ['chat', null, { param: null, code: 'invalid_type' }],
])('refuses a %s of %j as OpenAI does', (operation, body, error) => {
  expect(errorOf(operation, body)).toMatchObject({ status: 400, type: 'invalid_request_error', ...error });
});

it('reads no names from what every object has', () => {
  expect(checkRequest('chat', JSON.parse('{"model":"m","messages":[{"role":"user","content":"x"}],"constructor":5,"__proto__":{"stream":true}}'))).toEqual({ model: 'm', prompt: null });
});
