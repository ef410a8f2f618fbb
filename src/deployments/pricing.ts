import type { ModelPrice } from './deployment.entity.js';

/** What an answer used. Tokens from a cache and into one are among those of the prompt. */
export interface Usage {
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number;
  cacheWriteTokens: number;
  images: number;
}

export const NO_USAGE: Readonly<Usage> = { promptTokens: 0, completionTokens: 0, cachedTokens: 0, cacheWriteTokens: 0, images: 0 };

const PER = 1_000_000;

/** The price of a model: under its own name, else the longest `prefix*` that it begins with; null without one. */
export function priceOf(prices: readonly ModelPrice[], model: string): ModelPrice | null {
  let best: ModelPrice | null = null;
  for (const price of prices) {
    if (price.model === model) return price;
    if (price.model.endsWith('*') && model.startsWith(price.model.slice(0, -1)) && (!best || price.model.length > best.model.length)) best = price;
  }
  return best;
}

/**
 * Money for what was used, in the currency of the prices; 0 without a price.
 * What is read from a provider's cache, or written there, costs as the prompt does unless the price says otherwise.
 */
export function priceUsage(price: ModelPrice | null, usage: Usage): number {
  if (!price) return 0;
  const cached = Math.min(usage.cachedTokens, usage.promptTokens);
  const written = Math.min(usage.cacheWriteTokens, usage.promptTokens - cached);
  const plain = usage.promptTokens - cached - written;
  const tokens = plain * price.input + cached * (price.cachedInput ?? price.input) + written * (price.cacheWrite ?? price.input) + usage.completionTokens * price.output;
  return tokens / PER + usage.images * (price.image ?? 0);
}
