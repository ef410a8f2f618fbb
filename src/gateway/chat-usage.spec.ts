import { describe, expect, it } from 'vitest';
import { costOf, estimateTokens, StreamTokens, tokensOf } from './chat-usage.js';
import type { Target } from '../deployments/target.service.js';

const messages = [{ role: 'user', content: 'x'.repeat(400) }];

describe('estimateTokens', () => {
  it('counts the prompt roughly and the longest answers allowed', () => {
    const prompt = estimateTokens({ messages, max_tokens: 1 }) - 1;
    expect(prompt).toBeGreaterThan(100);
    expect(prompt).toBeLessThan(130);
    expect(estimateTokens({ messages, max_tokens: 50, n: 3 })).toBe(prompt + 150);
    expect(estimateTokens({ messages, max_tokens: 50, max_completion_tokens: 20 })).toBe(prompt + 20);
    expect(estimateTokens({ messages })).toBe(prompt + 256);
  });

  it.each(['1e999', '1e300', '-1e999'])('stays within bounds for %s tokens', (number) => {
    const estimate = estimateTokens({ messages, ...JSON.parse(`{"max_tokens":${number},"n":${number}}`) as object });
    expect(estimate).toBeGreaterThan(0);
    expect(estimate).toBeLessThanOrEqual(1e9);
  });

  it.each([null, [], 'text', { messages: 7, max_tokens: 'many', n: -1 }])('takes %j, which is refused later', (body) => {
    expect(estimateTokens(body)).toBeGreaterThan(0);
  });
});

describe('what an answer used', () => {
  const usage = { prompt_tokens: 7, completion_tokens: 3 };

  it('is what it says, and else a guess from its length', () => {
    expect(tokensOf(JSON.stringify({ choices: [], usage }), messages)).toEqual({ promptTokens: 7, completionTokens: 3 });
    expect(tokensOf('x'.repeat(40), messages)).toEqual({ promptTokens: expect.closeTo(110, -2), completionTokens: 10 });
  });

  it('is counted by events in a stream that does not say, and not read from what a model wrote', () => {
    const silent = new StreamTokens(messages);
    expect(silent.tokens).toEqual({ promptTokens: 0, completionTokens: 0 });
    silent.see(`data: ${JSON.stringify({ choices: [{ delta: { content: '"usage":{"prompt_tokens":1}' } }] })}\n\ndata: {}\n\n`, 2);
    expect(silent.tokens.completionTokens).toBe(2);
    silent.see(`data: ${JSON.stringify({ choices: [], usage })}\r\n\r\ndata: [DONE]\r\n\r\n`, 2);
    expect(silent.tokens).toEqual({ promptTokens: 7, completionTokens: 3 });
  });

  it.each([{ prompt_tokens: -1 }, { completion_tokens: '3' }, { completion_tokens: -3 }, { prompt_tokens: 1.5 }, { prompt_tokens: 1e306 }, { completion_tokens: {} }])('is a guess too when it says what cannot be: %j', (wrong) => {
    const answer = JSON.stringify({ usage: { ...usage, ...wrong } });
    expect(tokensOf(answer, messages)).toEqual(tokensOf('x'.repeat(answer.length), messages));
  });

  it('costs a provider\'s price of the model, of any model, or nothing; an own model its time', () => {
    const provider = { prices: [{ model: '*', input: 1, output: 2 }, { model: 'big', input: 10, output: 20 }] };
    const price = (model: string, prices = provider.prices) => costOf({ kind: 'provider', provider: { prices }, model } as Target, { promptTokens: 1e6, completionTokens: 5e5 }, 1, 9);
    expect([price('big'), price('small'), price('big', [])]).toEqual([20, 2, 0]);
    expect(costOf({ kind: 'registry' } as Target, { promptTokens: 1, completionTokens: 1 }, 36, 5)).toBeCloseTo(0.05);
  });
});
