import { gatewayCost, gatewayTokens } from './metrics.js';

/** Callers name models, and some providers answer to any name: beyond so many pairs the rest is one. */
const PAIRS = 200;
const seen = new Map<string, Series>();

/** The counters of a pair, found once. */
type Series = Record<'prompt' | 'completion' | 'cost', { inc(by: number): void }>;

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
  const series = seriesOf(provider, model);
  series.prompt.inc(addable(promptTokens));
  series.completion.inc(addable(completionTokens));
  series.cost.inc(addable(cost));
}

function seriesOf(provider: string, model: string): Series {
  const pair = `${provider}/${model}`;
  let series = seen.get(pair);
  if (!series) {
    const labels = seen.size < PAIRS ? { provider, model } : { provider: 'other', model: 'other' };
    series = { prompt: gatewayTokens.labels({ ...labels, kind: 'prompt' }), completion: gatewayTokens.labels({ ...labels, kind: 'completion' }), cost: gatewayCost.labels(labels) };
    if (seen.size < PAIRS) seen.set(pair, series);
  }
  return series;
}
