import type { MessageCreateParamsBase } from '@anthropic-ai/sdk/resources/messages';
import { describe, expect, it } from 'vitest';
import { messagesRequest } from './anthropic-request.js';
import { closed, JSON_ANSWER } from './anthropic-tools.js';
import type { Json } from './protocol.js';

const hello = { role: 'user', content: 'hello' };
const requestOf = (body: Json, model = 'claude-x-9') => messagesRequest({ messages: [hello], ...body }, model) as unknown as MessageCreateParamsBase;
const tool = (name: string) => ({ type: 'function', function: { name, parameters: { type: 'object', properties: {} } } });

describe('messages', () => {
  const turns = (...messages: unknown[]) => requestOf({ messages }).messages;

  it('makes one turn of neighbours, results of tools first', () => {
    expect(turns(hello, { role: 'user', content: [{ type: 'text', text: 'there' }] }, { role: 'assistant', content: null, tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{"x":1}' } }, { id: 'b', type: 'function', function: { name: 'g', arguments: '' } }] },
      { role: 'user', content: 'wait' }, { role: 'tool', tool_call_id: 'a', content: '1' }, { role: 'tool', tool_call_id: 'b', content: '' })).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'hello' }, { type: 'text', text: 'there' }] },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'f', input: { x: 1 } }, { type: 'tool_use', id: 'b', name: 'g', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: [{ type: 'text', text: '1' }] }, { type: 'tool_result', tool_use_id: 'b' }, { type: 'text', text: 'wait' }] },
    ]);
  });

  it('has a system prompt alone said by the user, and keeps marks for the cache', () => {
    expect(requestOf({ messages: [{ role: 'system', content: 'Write a haiku.' }] })).toMatchObject({ messages: [{ role: 'user', content: [{ type: 'text', text: 'Write a haiku.' }] }] });
    const cache_control = { type: 'ephemeral' };
    expect(requestOf({ messages: [{ role: 'system', content: [{ type: 'text', text: 'Long.', cache_control }] }, hello] }).system).toEqual([{ type: 'text', text: 'Long.', cache_control }]);
  });

  it('shows pictures and PDFs', () => {
    const [turn] = turns({ role: 'user', content: [
      { type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=', detail: 'low' } }, { type: 'image_url', image_url: { url: 'https://x/y.png' } }, { type: 'text', text: '' },
      { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,aGk=' } },
    ] });
    expect(turn!.content).toEqual([
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } }, { type: 'image', source: { type: 'url', url: 'https://x/y.png' } },
      { type: 'document', title: 'a.pdf', source: { type: 'base64', media_type: 'application/pdf', data: 'aGk=' } },
    ]);
  });

  it.each([
    [[{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://x/y.png' } }] }], 'messages[0].content[0].image_url'],
    [[{ role: 'user', content: [{ type: 'file', file: { file_id: 'file-1' } }] }], 'messages[0].content[0].file'],
    [[{ role: 'assistant', tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{' } }] }], 'messages[0].tool_calls[0].function.arguments'],
    [[{ role: 'assistant', tool_calls: [{ id: 'a', type: 'custom', custom: {} }] }], 'messages[0].tool_calls[0]'],
    [[{ role: 'tool', content: 'x' }], 'messages[0].tool_call_id'],
    [[hello, { role: 'function', name: 'f', content: 'x' }], 'messages[1].role'],
    [[hello, { role: 'assistant', function_call: { name: 'f', arguments: '' } }], 'messages[1].function_call'],
    [[{ role: 'user', content: 5 }], 'messages[0].content'],
  ])('names the message that has no counterpart: %#', (messages, param) => {
    expect(() => turns(...messages)).toThrow(expect.objectContaining({ code: 'bad_input', param }));
  });
});

describe('settings', () => {
  it('bounds the answer, in either name, or by default', () => {
    expect(requestOf({}).max_tokens).toBe(16_384);
    expect(requestOf({ max_tokens: 5 }).max_tokens).toBe(5);
    expect(requestOf({ max_tokens: 5, max_completion_tokens: 6 }).max_tokens).toBe(6);
  });

  it.each([
    ['claude-3-7-sonnet-20250219', true], ['claude-sonnet-4-20250514', true], ['claude-opus-4-1', true], ['claude-haiku-4-5-20251001', true], ['claude-opus-4-5', true], ['claude-sonnet-4-0', true],
    ['claude-opus-4-6', false], ['claude-sonnet-4-6', false], ['claude-sonnet-5', false], ['claude-haiku-5-5', false], ['claude-fable-5-2', false],
  ])('tells %s how hard to think, by a budget: %s', (model, budget) => {
    const request = requestOf({ reasoning_effort: 'medium' }, model);
    expect(request.thinking).toEqual(budget ? { type: 'enabled', budget_tokens: 8192 } : { type: 'adaptive' });
    expect(request.output_config).toEqual(budget ? undefined : { effort: 'medium' });
    if (budget) expect(request.max_tokens).toBe(16_384 + 8_192);
  });

  it('takes thinking off, leaves what was set, and refuses an effort that is none', () => {
    expect(requestOf({ reasoning_effort: 'none' }).thinking).toEqual({ type: 'disabled' });
    expect(requestOf({ reasoning_effort: 'high', thinking: { type: 'disabled' } })).toMatchObject({ thinking: { type: 'disabled' }, output_config: { effort: 'high' } });
    expect(() => requestOf({ reasoning_effort: 'a lot' })).toThrow(expect.objectContaining({ param: 'reasoning_effort' }));
  });

  it('leaves out what changes nothing', () => {
    expect(requestOf({
      n: 1, logprobs: false, top_logprobs: 0, logit_bias: {}, frequency_penalty: 0, presence_penalty: 0, modalities: ['text'], seed: 1, store: true, metadata: { team: 'x' }, service_tier: 'auto',
      prompt_cache_key: 'k', prediction: {}, verbosity: 'medium', stream_options: { include_usage: true }, response_format: { type: 'text' }, stop: null, temperature: null,
    })).toEqual({ model: 'claude-x-9', max_tokens: 16_384, messages: [{ role: 'user', content: [{ type: 'text', text: 'hello' }] }] });
  });

  it('names the user by metadata, safety_identifier or user', () => {
    expect(requestOf({ user: 'a' }).metadata).toEqual({ user_id: 'a' });
    expect(requestOf({ user: 'a', safety_identifier: 'b', metadata: { user_id: 'c', team: 'x' } }).metadata).toEqual({ user_id: 'c' });
  });
});

describe('tools', () => {
  it.each([
    ['auto', { type: 'auto' }], ['none', { type: 'none' }], ['required', { type: 'any' }], [{ type: 'function', function: { name: 'f' } }, { type: 'tool', name: 'f' }],
  ])('chooses %j as %j', (tool_choice, expected) => {
    expect(requestOf({ tools: [tool('f')], tool_choice }).tool_choice).toEqual(expected);
  });

  it('tells of the allowed ones only, and calls one at a time when asked', () => {
    const request = requestOf({ tools: [tool('f'), tool('g')], tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'g' } }] } }, parallel_tool_calls: false });
    expect(request.tools!.map((each) => 'name' in each && each.name)).toEqual(['g']);
    expect(request.tool_choice).toEqual({ type: 'any', disable_parallel_tool_use: true });
    expect(requestOf({ tools: [tool('f')], parallel_tool_calls: false }).tool_choice).toEqual({ type: 'auto', disable_parallel_tool_use: true });
    expect(requestOf({ tools: [tool('f')] }).tool_choice).toBeUndefined();
    expect(() => requestOf({ tools: [tool('f')], tool_choice: 'maybe' })).toThrow(expect.objectContaining({ param: 'tool_choice' }));
  });

  it('has JSON answered by a tool, beside others too', () => {
    const response_format = { type: 'json_object' };
    expect(requestOf({ response_format })).toMatchObject({ tools: [{ name: JSON_ANSWER }], tool_choice: { type: 'tool', name: JSON_ANSWER } });
    expect(requestOf({ response_format, tools: [tool('f')] })).toMatchObject({ tools: [{ name: 'f' }, { name: JSON_ANSWER }], tool_choice: { type: 'any' } });
    expect(requestOf({ response_format, tools: [tool('f')], tool_choice: 'required' }).tools).toHaveLength(1);
    expect(() => requestOf({ response_format: { type: 'grammar' } })).toThrow(expect.objectContaining({ param: 'response_format' }));
  });

  it('closes the objects of a schema wherever they are', () => {
    expect(closed({ type: 'object', properties: { properties: { type: 'object', properties: {} } }, $defs: { a: { type: 'object', properties: {}, additionalProperties: true } }, items: [{ anyOf: [{ type: 'object', properties: {} }] }] })).toEqual({
      type: 'object', additionalProperties: false, properties: { properties: { type: 'object', properties: {}, additionalProperties: false } },
      $defs: { a: { type: 'object', properties: {}, additionalProperties: true } }, items: [{ anyOf: [{ type: 'object', properties: {}, additionalProperties: false }] }],
    });
  });
});
