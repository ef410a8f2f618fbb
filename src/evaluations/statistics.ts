import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { Estimate } from './evaluation.entity.js';

const RESAMPLES = 10_000;
const SEED = 1;

export const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * Mean with its 95% percentile-bootstrap interval (Efron & Tibshirani 1993, §13.3), 10⁴ seeded resamples.
 * @param values one per item, at least one: answers to the same item are one cluster and must be averaged before
 */
export function bootstrapMean(values: readonly number[]): Estimate {
  if (values.length === 0) throw new RangeError('A bootstrap needs at least one value');
  const random = xoroshiro128plus(SEED);
  const scale = values.length / 2 ** 32;
  const means = new Float64Array(RESAMPLES);
  for (let resample = 0; resample < RESAMPLES; resample += 1) {
    let sum = 0;
    // Scaling 32 random bits is uniform to within values.length / 2³².
    for (let draw = 0; draw < values.length; draw += 1) sum += values[Math.floor((random.next() >>> 0) * scale)]!;
    means[resample] = sum / values.length;
  }
  means.sort();
  return { value: mean(values), low: quantile(means, 0.025), high: quantile(means, 0.975) };
}

/** Linear interpolation between order statistics (type 7 of Hyndman & Fan 1996, the default of R and NumPy). */
function quantile(sorted: Float64Array, probability: number): number {
  const position = (sorted.length - 1) * probability;
  const below = Math.floor(position);
  return sorted[below]! + (position - below) * (sorted[Math.min(below + 1, sorted.length - 1)]! - sorted[below]!);
}

/**
 * Two-sided exact sign test: the chance, were wins and losses equally likely, of a split at least this uneven.
 * Ties are left out (Conover 1999, §3.4). 1 when there is nothing but ties.
 */
export function signTest(wins: number, losses: number): number {
  const trials = wins + losses;
  let logChoose = 0; // of (trials choose k), k = 0
  let tail = 0;
  for (let k = 0; k <= Math.min(wins, losses); k += 1) {
    tail += Math.exp(logChoose - trials * Math.LN2);
    logChoose += Math.log((trials - k) / (k + 1));
  }
  return Math.min(1, 2 * tail);
}

/** p-values adjusted for a family of comparisons (Holm 1979, step-down), in the order given. */
export function holm(pValues: readonly number[]): number[] {
  const adjusted = new Array<number>(pValues.length);
  let largest = 0;
  [...pValues.keys()].sort((a, b) => pValues[a]! - pValues[b]!).forEach((index, rank) => {
    largest = Math.max(largest, Math.min(1, (pValues.length - rank) * pValues[index]!));
    adjusted[index] = largest;
  });
  return adjusted;
}

/**
 * Items that a comparison would need to show a mean difference of this size: 80% power, two-sided 5%, normal approximation
 * n = ((z.975 + z.8) · sd / difference)² (Cohen 1988). Null when the observed difference is 0 or does not vary.
 */
export function itemsForPower(differences: readonly number[]): number | null {
  const centre = mean(differences);
  const variance = differences.reduce((sum, value) => sum + (value - centre) ** 2, 0) / Math.max(1, differences.length - 1);
  if (centre === 0 || variance === 0) return null;
  return Math.ceil(((1.959964 + 0.841621) ** 2 * variance) / centre ** 2);
}
