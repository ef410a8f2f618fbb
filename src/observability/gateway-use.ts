import { Counter } from 'prom-client';

/** Callers name models, and some providers answer to any name: beyond so many pairs the rest is one. */
const PAIRS = 200;
const OTHER = '';
/** Counted in plain numbers, since a counter's look-up of labels would be most of what a call costs here. */
const used = new Map<string, Used>();

interface Used {
  provider: string;
  model: string;
  prompt: number;
  completion: number;
  cost: number;
}

/** What a chat completion used, once it has ended. */
export interface GatewayUse {
  /** Name of the provider, or `registry` for a model of the own runtimes. */
  provider: string;
  model: string;
  promptTokens: number;
  completionTokens: number;
  /** In the currency of the prices; 0 when no price is known. */
  cost: number;
}

/** A counter takes nothing else, and throws. */
const addable = (value: number): number => (Number.isFinite(value) ? Math.max(value, 0) : 0);

/** Adds to the counters of tokens and cost by provider and model; a call without an answer leaves no trace there. Never throws. */
export function countGatewayUse({ provider, model, promptTokens, completionTokens, cost }: GatewayUse): void {
  if (promptTokens + completionTokens === 0 && cost === 0) return;
  const sum = usedOf(provider, model);
  sum.prompt += addable(promptTokens);
  sum.completion += addable(completionTokens);
  sum.cost += addable(cost);
}

function usedOf(provider: string, model: string): Used {
  const pair = `${provider}/${model}`;
  let found = used.get(pair);
  if (found) return found;
  const isOther = used.size >= PAIRS;
  if (isOther) found = used.get(OTHER);
  if (!found) used.set(isOther ? OTHER : pair, found = { ...(isOther ? { provider: 'other', model: 'other' } : { provider, model }), prompt: 0, completion: 0, cost: 0 });
  return found;
}

export const gatewayTokens = new Counter({
  name: 'triad_gateway_tokens_total', help: 'Tokens of calls that said how many they took', labelNames: ['provider', 'model', 'kind'] as const,
  collect() {
    this.reset();
    for (const { provider, model, prompt, completion } of used.values()) {
      this.inc({ provider, model, kind: 'prompt' }, prompt);
      this.inc({ provider, model, kind: 'completion' }, completion);
    }
  },
});

export const gatewayCost = new Counter({
  name: 'triad_gateway_cost_total', help: 'Cost of calls whose price is known, in the currency of the prices', labelNames: ['provider', 'model'] as const,
  collect() {
    this.reset();
    for (const { provider, model, cost } of used.values()) this.inc({ provider, model }, cost);
  },
});
