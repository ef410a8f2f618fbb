import { logBeta } from './log-gamma.js';

export interface Interval {
  low: number;
  high: number;
}

/** Of independent units. */
export interface Moments {
  n: number;
  mean: number;
  /** Of the sample: divided by n − 1. */
  variance: number;
}

/** What two arms gave while their weights stood. */
export interface Stratum {
  control: Moments;
  arm: Moments;
}

/** Units that each arm needs before the asymptotic sequence starts. */
export const START_AT = 30;

/**
 * Half the width of the asymptotic confidence sequence with Robbins' normal mixture, for an estimate with this standard
 * error: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, "Time-uniform central limit theory and asymptotic confidence
 * sequences", Annals of Statistics 52(6), 2024 (arXiv:2103.06476), theorem 2.2:
 * σ̂ √( 2(tρ² + 1) / (t²ρ²) · ln( √(tρ² + 1) / α ) ), with σ̂ = standard error · √t.
 * @param units t: how many went into the estimate
 * @param tunedAt units at which it is to be tightest, chosen beforehand: their ρ² = (−2 ln α + ln(−2 ln α + 1)) / t*
 */
export function margin(standardError: number, units: number, alpha: number, tunedAt: number): number {
  const surprise = -2 * Math.log(alpha);
  const scale = (units * (surprise + Math.log(surprise + 1))) / tunedAt; // tρ²
  return standardError * Math.sqrt(((2 * (scale + 1)) / scale) * Math.log(Math.sqrt(scale + 1) / alpha));
}

/** A mean that stays inside for ever with probability 1 − α; null while there are too few units. */
export function meanInterval({ n, mean, variance }: Moments, alpha: number, tunedAt: number): Interval | null {
  if (n < START_AT) return null;
  const half = margin(Math.sqrt(variance / n), n, alpha, tunedAt);
  return { low: mean - half, high: mean + half };
}

/** Difference of means, arm minus control. */
export interface Difference extends Interval {
  value: number;
}

/**
 * Mean difference of two randomised arms by the same sequence (their section 3, on randomised experiments). Strata with other weights are compared each within itself and averaged by their size, so that a change of
 * weights and a change in time are not mixed up.
 * @returns null while either arm has too few units
 */
export function differenceInterval(strata: readonly Stratum[], alpha: number, tunedAt: number): Difference | null {
  const usable = strata.filter(({ control, arm }) => control.n >= 2 && arm.n >= 2);
  const unitsOf = (pick: (stratum: Stratum) => Moments) => usable.reduce((sum, stratum) => sum + pick(stratum).n, 0);
  const [controls, arms] = [unitsOf(({ control }) => control), unitsOf(({ arm }) => arm)];
  if (controls < START_AT || arms < START_AT) return null;
  const total = controls + arms;
  let value = 0;
  let squaredError = 0;
  for (const { control, arm } of usable) {
    const share = (control.n + arm.n) / total;
    value += share * (arm.mean - control.mean);
    squaredError += share ** 2 * (control.variance / control.n + arm.variance / arm.n);
  }
  const half = margin(Math.sqrt(squaredError), total, alpha, tunedAt);
  return { value, low: value - half, high: value + half };
}

/**
 * Moments of a share with one unit of each outcome put to those there are (Agresti & Caffo 2000), which its variance
 * needs as long as nearly all units are alike; the mean stays as it is.
 */
export function steadied({ n, mean, variance }: Moments): Moments {
  const [count, centre] = [n + 2, (n * mean + 1) / (n + 2)];
  const squares = Math.max(0, n - 1) * variance + n * mean ** 2 + 1;
  return { n, mean, variance: (squares - count * centre ** 2) / (count - 1) };
}

/** Units of one arm, each between 0 and 1, and what they add up to. */
export interface Share {
  n: number;
  sum: number;
}

/**
 * Logarithm of the evidence (a test supermartingale) that the mean is not p: the Beta(½, ½) mixture of likelihoods over
 * the likelihood of p (Robbins 1970; Howard, Ramdas, McAuliffe & Sekhon 2021, Annals of Statistics 49(2), on
 * the beta-binomial mixture).
 * Exact at every number of units. For units that are not 0 or 1 but between, it holds since the likelihood ratio is
 * convex in the unit's value, and so at most that of a coin with the same mean.
 */
export function logEvidence({ n, sum }: Share, p: number): number {
  return logBeta(sum + 0.5, n - sum + 0.5) - Math.log(Math.PI) - xlog(sum, p) - xlog(n - sum, 1 - p); // B(½, ½) = π
}

/**
 * Evidence that an arm's mean is above a bound: by Ville's inequality it ever reaches ln(1/α) with probability α at most
 * while the mean is not.
 */
export function evidenceAbove(arm: Share, bound: number): number {
  return logEvidence(arm, Math.min(bound, arm.n === 0 ? bound : arm.sum / arm.n));
}

/** What two arms gave, as shares, while their weights stood. */
export interface SharePair {
  control: Share;
  arm: Share;
}

/**
 * Evidence that the arm's mean is above the control's by more than a bound, in some stratum. Arms are independent, so the
 * product of their supermartingales is one; the smallest over all pairs of means that keep to the bound tells
 * against each of them (universal inference: Wasserman, Ramdas & Balakrishnan 2020). Holds for any order of units and any
 * change of weights.
 */
export function evidenceOfExcess(pairs: readonly SharePair[], bound: number): number {
  return pairs.reduce((sum, pair) => sum + excess(pair, bound), 0);
}

function excess({ control, arm }: SharePair, bound: number): number {
  const meanOf = ({ n, sum }: Share) => (n === 0 ? null : sum / n);
  const [own, other] = [meanOf(arm), meanOf(control)];
  const kept = own === null || other === null || own - other <= bound;
  if (kept) return logEvidence(arm, own ?? 0.5) + logEvidence(control, other ?? 0.5);
  const p = likeliest({ control, arm }, bound);
  return logEvidence(control, p) + logEvidence(arm, p + bound);
}

/** The control's mean under which both arms are likeliest when the arm's is above it by `bound`: where a slope that only rises is 0. */
function likeliest({ control, arm }: SharePair, bound: number): number {
  let [low, high] = [Math.max(0, -bound), Math.min(1, 1 - bound)];
  for (let step = 0; step < 50; step += 1) {
    const p = (low + high) / 2;
    const slope = -control.sum / p + (control.n - control.sum) / (1 - p) - arm.sum / (p + bound) + (arm.n - arm.sum) / (1 - p - bound);
    if (slope < 0) low = p;
    else high = p;
  }
  return (low + high) / 2;
}

/** The largest excess that the evidence speaks against at level α: the true one is below it at some time with probability α at most. */
export function lowestExcess(pairs: readonly SharePair[], alpha: number): number {
  return bisect(-1, 1, (bound) => evidenceOfExcess(pairs, bound) >= -Math.log(alpha));
}

/** The same for the mean of one arm. */
export function lowestMean(arm: Share, alpha: number): number {
  return bisect(0, 1, (bound) => evidenceAbove(arm, bound) >= -Math.log(alpha));
}

/** The last place, from low to high, where something holds that holds up to some place. */
function bisect(low: number, high: number, holds: (at: number) => boolean): number {
  let [from, to] = [low, high];
  for (let step = 0; step < 40; step += 1) {
    const middle = (from + to) / 2;
    if (holds(middle)) from = middle;
    else to = middle;
  }
  return from;
}

/** x · ln p, where nothing is 0. */
const xlog = (x: number, p: number): number => (x <= 0 ? 0 : x * Math.log(p));
