import fc from 'fast-check';
import { expect, it } from 'vitest';
import { countGatewayUse, gatewayCost, gatewayTokens } from './gateway-use.js';

it('counts by provider and model, and never under more names than it can keep', async () => {
  const use = { provider: 'p', promptTokens: 10, completionTokens: 5, cost: 0.5 };
  for (let index = 0; index < 1000; index += 1) countGatewayUse({ ...use, model: `m${index}` });
  countGatewayUse({ ...use, model: 'm0' });
  const tokens = (await gatewayTokens.get()).values;
  const of = (provider: string, model: string, kind: string) => tokens.find(({ labels }) => labels.provider === provider && labels.model === model && labels.kind === kind)?.value;
  expect(of('p', 'm0', 'prompt')).toBe(20);
  expect(of('p', 'm1', 'completion')).toBe(5);
  expect(of('other', 'other', 'prompt')).toBe(8000);
  expect(tokens).toHaveLength(201 * 2);
  expect((await gatewayCost.get()).values.reduce((sum, { value }) => sum + value, 0)).toBeCloseTo(500.5);
});

it('takes any number: no provider\'s answer makes a counter throw', () => {
  fc.assert(fc.property(fc.double(), fc.double(), fc.double(), (promptTokens, completionTokens, cost) => {
    countGatewayUse({ provider: 'p', model: 'm', promptTokens, completionTokens, cost });
  }));
});
