import { describe, expect, it } from 'vitest';
import { DomainError } from '../common/errors.js';
import { checkConfig } from './prompt-config.js';

const weather = { type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } } };

describe('checkConfig', () => {
  it.each([
    [{}],
    [{ model: 'gpt-5', temperature: 0, top_p: 1, max_tokens: 5, stop: ['\n'], seed: -4, logit_bias: { 50256: -100 } }],
    [{ temperature: null, 'vendor.key': { nested: [1, null] }, thinking: { type: 'enabled' } }],
    [{ tools: [weather, { type: 'custom', custom: { name: 'sql' } }], tool_choice: { type: 'function', function: { name: 'weather' } } }],
    [{ tools: [weather], tool_choice: 'required', parallel_tool_calls: false }],
    [{ response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: { $schema: 'https://json-schema.org/draft/2020-12/schema', type: ['object', 'null'] } } } }],
    [{ response_format: { type: 'json_object' } }],
    [JSON.parse('{"__proto__": {"temperature": 9}}') as object],
  ])('takes %j', (config) => {
    expect(() => checkConfig(config as Record<string, unknown>)).not.toThrow();
  });

  it.each([
    [{ temperature: 3 }, 'config.temperature'],
    [{ temperature: 'hot' }, 'config.temperature'],
    [{ top_p: -0.1 }, 'config.top_p'],
    [{ max_tokens: 1.5 }, 'config.max_tokens'],
    [{ stop: [] }, 'config.stop'],
    [{ model: '' }, 'config.model'],
    [{ tools: [{ type: 'function', function: { name: 'a b' } }] }, 'config.tools[0].function.name'],
    [{ tools: [weather, { type: 'function', function: { name: 'x', parameters: { type: 'objekt' } } }] }, 'config.tools[1].function.parameters.type'],
    [{ tools: [{ function: { name: 'x' } }] }, 'config.tools[0].type'],
    [{ tools: [weather, weather] }, 'config.tools[1]'],
    [{ tools: weather }, 'config.tools'],
    [{ tool_choice: 'weather', tools: [weather] }, 'config.tool_choice'],
    [{ tool_choice: { type: 'function', function: { name: 'wether' } }, tools: [weather] }, 'config.tool_choice'],
    [{ response_format: { type: 'xml' } }, 'config.response_format.type'],
    [{ response_format: { type: 'json_schema', json_schema: { schema: {} } } }, 'config.response_format.json_schema.name'],
    [{ response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { required: 'a' } } } }, 'config.response_format.json_schema.schema.required'],
    [{ anything: 'x'.repeat(200_001) }, 'config'],
  ])('names what is wrong in %j', (config, path) => {
    const failure = (() => { try { checkConfig(config); } catch (error) { return error as DomainError; } return undefined; })();
    expect(failure).toBeInstanceOf(DomainError);
    expect([failure!.code, failure!.param]).toEqual(['bad_input', path]);
    if (path !== 'config') expect(failure!.message).toContain(`${path}: `);
  });
});
