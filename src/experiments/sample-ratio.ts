import { logGamma } from './log-gamma.js';

/** Units that the prior is worth: the test is quickest for shares that are off by about 1 / √1,000, three points of 100. */
const CONCENTRATION = 1_000;

/** Units that went to each arm while these weights stood. */
export interface Allotment {
  weights: readonly number[];
  units: readonly number[];
}

/**
 * Whether units went to arms as the weights say, at any time of looking: the sequential multinomial test of Lindon & Malek,
 * "Anytime-valid inference for multinomial count data" (NeurIPS 2022), with a Dirichlet prior around the weights. A
 * mismatch means that assignment or logging is broken, and no result can be trusted.
 * @returns a p-value that, while all is well, falls below α at some time with probability α at most
 */
export function sampleRatioPValue(allotments: readonly Allotment[]): number {
  const evidence = allotments.reduce((sum, allotment) => sum + logBayesFactor(allotment), 0);
  return Math.min(1, Math.exp(-evidence));
}

function logBayesFactor({ weights, units }: Allotment): number {
  const weightSum = weights.reduce((sum, weight) => sum + weight, 0);
  const n = units.reduce((sum, count) => sum + count, 0);
  let log = logGamma(CONCENTRATION) - logGamma(CONCENTRATION + n);
  weights.forEach((weight, index) => {
    const count = units[index]!;
    if (count === 0) return;
    const share = weight / weightSum;
    log += share === 0 ? Infinity : logGamma(CONCENTRATION * share + count) - logGamma(CONCENTRATION * share) - count * Math.log(share);
  });
  return log;
}
