import { gatewayCost, gatewayTokens } from './metrics.js';

/** Callers name models, and some providers answer to any name: beyond so many pairs the rest is one. */
const PAIRS = 200;
const seen = new Set<string>();

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
  if (promptTokens + completionTokens === 0) return;
  const pair = `${provider}/${model}`;
  const known = seen.has(pair) || seen.size < PAIRS;
  if (known) seen.add(pair);
  const labels = known ? { provider, model } : { provider: 'other', model: 'other' };
  gatewayTokens.inc({ ...labels, kind: 'prompt' }, addable(promptTokens));
  gatewayTokens.inc({ ...labels, kind: 'completion' }, addable(completionTokens));
  gatewayCost.inc(labels, addable(cost));
}
