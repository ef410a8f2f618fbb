import { describe, expect, it } from 'vitest';
import { messageError, messageOf } from './messages-answer.js';
import { MessageWriter } from './messages-events.js';
import { withPrompt } from './messages-request.js';
import type { Json } from './protocol.js';

const chunk = (delta: Json, more: Json = {}) => JSON.stringify({ id: 'chatcmpl-1', model: 'm', choices: [{ index: 0, delta, finish_reason: null, ...more }] });
function eventsOf(...payloads: string[]): Json[] {
  const writer = new MessageWriter('req_1');
  return payloads.map((payload) => writer.write(payload)).join('').split('\n\n').filter(Boolean).map((frame) => {
    const [event, data] = frame.split('\n');
    const body = JSON.parse(data!.slice('data: '.length)) as Json;
    expect(event).toBe(`event: ${String(body['type'])}`);
    return body;
  });
}
const call = (index: number | undefined, id: string | undefined, args: string) => chunk({ tool_calls: [{ index, id, type: 'function', function: { name: id && 'f', arguments: args } }] });

describe('OpenAI\'s chunks as Anthropic\'s events', () => {
  it('writes blocks one after the other, each begun and ended', () => {
    const events = eventsOf(chunk({ role: 'assistant', content: '' }), chunk({ content: 'Hi' }), call(0, 'a', ''), call(0, undefined, '{"x":'), call(0, undefined, '1}'), call(1, 'b', '{}'), chunk({}, { finish_reason: 'tool_calls' }),
      JSON.stringify({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 2 } } }), '[DONE]');
    expect(events.map(({ type, index }) => (index === undefined ? type : `${String(type)} ${index as number}`))).toEqual([
      'message_start', 'content_block_start 0', 'content_block_delta 0', 'content_block_stop 0', 'content_block_start 1', 'content_block_delta 1', 'content_block_delta 1', 'content_block_stop 1',
      'content_block_start 2', 'content_block_delta 2', 'content_block_stop 2', 'message_delta', 'message_stop',
    ]);
    expect(events.at(-2)).toEqual({
      type: 'message_delta', delta: { stop_reason: 'tool_use', stop_sequence: null, container: null, stop_details: null },
      usage: { input_tokens: 7, output_tokens: 4, cache_read_input_tokens: 2, cache_creation_input_tokens: 0 },
    });
  });

  it('takes calls whole and without an index, and a stop that should have said tool_calls', () => {
    const events = eventsOf(call(undefined, 'a', '{"x":1}'), call(undefined, 'b', '{}'), chunk({}, { finish_reason: 'stop' }), '[DONE]');
    expect(events.filter(({ type }) => type === 'content_block_start').map(({ content_block }) => (content_block as Json)['id'])).toEqual(['a', 'b']);
    expect(events.at(-2)).toMatchObject({ delta: { stop_reason: 'tool_use' } });
  });

  it('is whole even when nothing was said', () => {
    expect(eventsOf('[DONE]').map(({ type }) => type)).toEqual(['message_start', 'message_delta', 'message_stop']);
  });

  it('ends with the error that came', () => {
    expect(eventsOf(chunk({ content: 'Hi' }), JSON.stringify({ error: { message: 'broke', type: 'server_error', param: null, code: 'upstream_failed' } })).at(-1))
      .toEqual({ type: 'error', error: { type: 'api_error', message: 'broke' }, request_id: 'req_1' });
  });
});

describe('whole answers and errors', () => {
  const answer = (message: Json, finish_reason = 'stop') => JSON.parse(messageOf(JSON.stringify({ id: 'chatcmpl-1', model: 'm', choices: [{ message, finish_reason }], usage: { prompt_tokens: 1, completion_tokens: 2 } }))) as Json;

  it.each([['stop', 'end_turn'], ['length', 'max_tokens'], ['content_filter', 'refusal'], ['odd', 'end_turn']])('ends for %s as %s', (reason, expected) => {
    expect(answer({ content: 'x' }, reason)).toMatchObject({ id: 'msg_1', stop_reason: expected });
  });

  it('tells OpenAI\'s refusals, and arguments that are no JSON as none', () => {
    expect(answer({ content: null, refusal: 'No.' })).toMatchObject({ stop_reason: 'refusal', stop_details: { explanation: 'No.' }, content: [{ type: 'text', text: 'No.' }] });
    expect(answer({ content: null, tool_calls: [{ id: 'a', function: { name: 'f', arguments: '{' } }] })).toMatchObject({ stop_reason: 'tool_use', content: [{ type: 'tool_use', input: {} }] });
    expect(() => messageOf('<h1>')).toThrow(expect.objectContaining({ code: 'upstream_failed' }));
  });

  it.each([[400, 'invalid_request_error'], [404, 'not_found_error'], [418, 'invalid_request_error'], [429, 'rate_limit_error'], [500, 'api_error'], [503, 'overloaded_error']])('types status %i as %s', (status, type) => {
    expect(messageError(status, { message: 'm' }, 'r')).toEqual({ type: 'error', error: { type, message: 'm' }, request_id: 'r' });
  });
});

it('puts a rendered prompt before what the request says', () => {
  const rendered = [{ role: 'system', content: 'Be {mood}.' }, { role: 'user', content: 'Hello' }];
  expect(withPrompt({ prompt: { name: 'p' }, max_tokens: 5, system: 'Own.', messages: [{ role: 'assistant', content: 'Hi' }] }, rendered)).toEqual({
    max_tokens: 5, system: [{ type: 'text', text: 'Be {mood}.' }, { type: 'text', text: 'Own.' }], messages: [{ role: 'user', content: 'Hello' }, { role: 'assistant', content: 'Hi' }],
  });
  expect(withPrompt({ max_tokens: 5 }, [{ role: 'user', content: 'Hello' }])).toEqual({ max_tokens: 5, messages: [{ role: 'user', content: 'Hello' }] });
});
