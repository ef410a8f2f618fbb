import { expect, it } from 'vitest';
import { openai } from './openai.js';
import { protocolOf } from './protocol-of.js';

it('passes on all but the model\'s name, in its order, and answers as they are', () => {
  const body = { model: 'house', messages: [{ role: 'user', content: 'x' }], odd: { a: [1, null] }, stream: true };
  const { path, body: sent } = openai.request('chat', body, 'gpt-x');
  expect([path, JSON.stringify(sent)]).toEqual(['/chat/completions', JSON.stringify({ ...body, model: 'gpt-x' })]);
  expect(body.model).toBe('house');
  expect(openai.answer('chat', '{"a": 1.0}')).toBe('{"a": 1.0}');
  expect(openai.events('chat', body)).toBeNull();
});

it.each([['completion', '/completions'], ['embedding', '/embeddings'], ['image', '/images/generations']] as const)('asks for a %s at %s', (operation, path) => {
  expect(openai.request(operation, {}, 'm').path).toBe(path);
});

it('knows who asks by the kind', () => {
  expect(openai.headers(null)).toEqual({});
  expect(openai.headers('k')).toEqual({ authorization: 'Bearer k' });
  expect(protocolOf('anthropic').headers('k')).toEqual({ 'x-api-key': 'k', 'anthropic-version': '2023-06-01' });
  expect(protocolOf('stable_diffusion_webui').headers('me:pw')).toEqual({ authorization: `Basic ${btoa('me:pw')}` });
  expect(protocolOf('stable_diffusion_webui').headers('k')).toEqual({ authorization: 'Bearer k' });
});

it.each([
  ['OpenAI\'s', '{"error":{"message":"m","type":"t","param":"p","code":"c","extra":1}}', { message: 'm', type: 't', param: 'p', code: 'c', extra: 1 }],
  ['an older vLLM\'s', '{"object":"error","message":"m","type":"BadRequestError","param":null,"code":400}', { object: 'error', message: 'm', type: 'BadRequestError', param: null, code: '400' }],
  ['TGI\'s', '{"error":"m","error_type":"validation"}', { error_type: 'validation', message: 'm', type: 'invalid_request_error', param: null, code: null }],
  ['Gemini\'s', '[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}]', { message: 'm', status: 'INVALID_ARGUMENT', type: 'invalid_request_error', param: null, code: '400' }],
])('reads %s errors', (_, text, error) => {
  expect(openai.error(text, 400)).toEqual({ status: 400, error });
});

it.each(['<h1>Bad gateway</h1>', '{"detail":"Not Found"}', '[]', '"x"', ''])('finds none in %j', (text) => {
  expect(openai.error(text, 502)).toBeNull();
});

it('takes no redirect for an error', () => {
  expect(openai.error('{"message":"m"}', 302)).toBeNull();
});
