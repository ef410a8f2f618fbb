import { describe, expect, it } from 'vitest';
import { NO_USAGE, priceOf, priceUsage } from './pricing.js';
import { checkedHeaders, keyHeaders } from './provider-headers.js';

const price = (model: string, more: object = {}) => ({ model, input: 1, output: 10, ...more });

it('prices a model by its name, else by the longest beginning, else as all others', () => {
  const prices = [price('*'), price('gpt-4*'), price('gpt-4o*'), price('gpt-4o')];
  const named = (model: string) => priceOf(prices, model)?.model;
  expect([named('gpt-4o'), named('gpt-4o-mini'), named('gpt-4.1'), named('o3')]).toEqual(['gpt-4o', 'gpt-4o*', 'gpt-4*', '*']);
  expect(priceOf([price('gpt-4*')], 'o3')).toBeNull();
  expect(priceOf([price('a*')], 'a')?.model).toBe('a*');
});

describe('what was used', () => {
  const used = { ...NO_USAGE, promptTokens: 1_000_000, completionTokens: 100_000 };

  it('costs by the million tokens, and images apiece', () => {
    expect(priceUsage(price('m'), used)).toBeCloseTo(2);
    expect(priceUsage(price('m', { image: 0.04 }), { ...NO_USAGE, images: 3 })).toBeCloseTo(0.12);
    expect(priceUsage(null, used)).toBe(0);
  });

  it('costs as told what comes from a cache and goes into one', () => {
    const cached = { ...used, completionTokens: 0, cachedTokens: 600_000, cacheWriteTokens: 200_000 };
    expect(priceUsage(price('m', { cachedInput: 0.1, cacheWrite: 1.25 }), cached)).toBeCloseTo(0.2 + 0.06 + 0.25);
    expect(priceUsage(price('m'), cached)).toBeCloseTo(1);
    expect(priceUsage(price('m', { cachedInput: 0, cacheWrite: null }), cached)).toBeCloseTo(0.4);
  });

  it('never costs less than nothing, whatever a provider says of its cache', () => {
    expect(priceUsage(price('m', { cachedInput: 0 }), { ...NO_USAGE, promptTokens: 10, cachedTokens: 1_000_000, cacheWriteTokens: 1_000_000 })).toBe(0);
  });
});

describe('headers of a provider', () => {
  it('are kept by their names in lower case', () => {
    expect(checkedHeaders([{ name: 'OpenAI-Organization', value: 'org-1' }, { name: 'anthropic-beta', value: 'a,b' }])).toEqual({ 'openai-organization': 'org-1', 'anthropic-beta': 'a,b' });
  });

  it.each([
    ['Authorization', 'x'], ['api-key', 'x'], ['X-Api-Key', 'x'], ['Cookie', 'x'], ['x-auth-token', 'x'], ['my-secret', 'x'], ['Host', 'x'], ['content-type', 'x'], ['transfer-encoding', 'x'], ['a b', 'x'], ['', 'x'], ['a', 'x\r\ny: z'], ['a', 'ü'],
  ])('do not hold %j: %j', (name, value) => {
    expect(() => checkedHeaders([{ name, value }])).toThrow(expect.objectContaining({ code: 'bad_input', param: 'headers' }));
  });

  it('say who asks as the kind wants it', () => {
    expect(keyHeaders('anthropic', null)).toEqual({ 'anthropic-version': '2023-06-01' });
    expect(keyHeaders('openai', 'me:pw')).toEqual({ authorization: 'Bearer me:pw' });
  });
});
