import {
  type Difference, differenceInterval, evidenceAbove, evidenceOfExcess, type Interval, lowestExcess, lowestMean, meanInterval, type Moments, type Share, type Stratum, steadied,
} from './confidence-sequence.js';
import type { ExperimentEntity, Guard, GuardMetric, Metric } from './experiment.entity.js';
import type { Measurement, Traffic } from './measurement.repository.js';
import { METRICS, METRIC_NAMES, SLOW_SHARE } from './metrics.js';
import { sampleRatioPValue } from './sample-ratio.js';

/** Guards are to be quick, so that their sequences are tightest at few units. */
const GUARDS_TUNED_AT = 500;
/** How often, at most, the guards of an experiment halt it though no arm is worse than they allow. */
const GUARDS_ALPHA = 0.05;
const MISMATCH = 0.001;

export interface ArmMetric {
  metric: Metric;
  /** Units that count. */
  n: number;
  mean: number | null;
  interval: Interval | null;
}

export interface ArmResult {
  arm: string;
  calls: number;
  units: number;
  keys: number;
  metrics: ArmMetric[];
}

export type Outcome = 'better' | 'worse' | 'undecided';

export interface ComparisonResult {
  metric: Metric;
  arm: string;
  /** Arm minus control; null while there are too few units. */
  difference: Difference | null;
  outcome: Outcome;
  words: string;
}

export interface GuardResult {
  metric: GuardMetric;
  arm: string;
  /** How much worse than allowed it is compared with: the observed value, and what it is at least, in the metric's bad direction. */
  observed: number | null;
  atLeast: number | null;
  allowed: number;
  violated: boolean;
  words: string;
}

export interface SampleRatio {
  pValue: number;
  mismatch: boolean;
}

export interface ExperimentResults {
  arms: ArmResult[];
  comparisons: ComparisonResult[];
  guards: GuardResult[];
  sampleRatio: SampleRatio;
  words: string;
}

/** Everything that was measured of one experiment, its arms in their order. */
export interface Measured {
  experiment: ExperimentEntity;
  arms: readonly string[];
  traffic: readonly Traffic[];
  measurements: readonly Measurement[];
}

/** What an experiment has shown so far; a function of its sums alone. */
export function resultsOf(measured: Measured): ExperimentResults {
  const { experiment, arms } = measured;
  const others = arms.filter((arm) => arm !== experiment.control);
  const metrics = [experiment.primaryMetric, ...METRIC_NAMES.filter((metric) => metric !== experiment.primaryMetric)];
  const comparisons = metrics.flatMap((metric) => others.map((arm) => compare(measured, metric, arm)));
  const sampleRatio = sampleRatioOf(measured);
  return {
    arms: arms.map((arm) => armResult(measured, arm)), comparisons, sampleRatio, guards: guardsOf(measured),
    words: verdict(experiment, comparisons.slice(0, others.length), sampleRatio),
  };
}

/** The guards of an experiment against each of its arms but the control. */
export function guardsOf(measured: Measured): GuardResult[] {
  const { experiment: { guards, control }, arms } = measured;
  const others = arms.filter((arm) => arm !== control);
  const alpha = GUARDS_ALPHA / (guards.length * others.length);
  return guards.flatMap((guard) => others.map((arm) => judge(measured, guard, arm, alpha)));
}

const EMPTY: Moments = { n: 0, mean: 0, variance: 0 };

function momentsOf({ measurements }: Measured, metric: Metric, arm: string, weighting: number, which: 'settled' | 'first'): Moments {
  return measurements.find((each) => each.metric === metric && each.arm === arm && each.weighting === weighting)?.[which] ?? EMPTY;
}

const weightingsOf = ({ experiment }: Measured): number[] => experiment.weightings.map((_, index) => index);

const forIntervals = (metric: Metric, moments: Moments): Moments => (METRICS[metric].share ? steadied(moments) : moments);

/** Moments of all units together (Chan, Golub & LeVeque 1979). */
function pooled(parts: readonly Moments[]): Moments {
  return parts.reduce((all, part) => {
    const n = all.n + part.n;
    if (part.n === 0 || n === 0) return all;
    const step = part.mean - all.mean;
    const squares = Math.max(0, all.n - 1) * all.variance + (part.n - 1) * part.variance + (step ** 2 * all.n * part.n) / n;
    return { n, mean: all.mean + (step * part.n) / n, variance: n < 2 ? 0 : squares / (n - 1) };
  }, EMPTY);
}

function armResult(measured: Measured, arm: string): ArmResult {
  const { experiment } = measured;
  const own = measured.traffic.filter((each) => each.arm === arm);
  const sum = (key: 'calls' | 'units' | 'keys') => own.reduce((total, each) => total + each[key], 0);
  return {
    arm, calls: sum('calls'), units: sum('units'), keys: sum('keys'),
    metrics: METRIC_NAMES.map((metric) => {
      const all = pooled(weightingsOf(measured).map((weighting) => momentsOf(measured, metric, arm, weighting, 'settled')));
      return { metric, n: all.n, mean: all.n === 0 ? null : all.mean, interval: clipped(metric, meanInterval(forIntervals(metric, all), experiment.alpha, experiment.expectedUnits)) };
    }),
  };
}

const clipped = (metric: Metric, interval: Interval | null): Interval | null =>
  (interval && METRICS[metric].share ? { low: Math.max(0, interval.low), high: Math.min(1, interval.high) } : interval);

function strataOf(measured: Measured, metric: Metric, arm: string, which: 'settled' | 'first'): Stratum[] {
  return weightingsOf(measured).map((weighting) => ({
    control: momentsOf(measured, metric, measured.experiment.control, weighting, which), arm: momentsOf(measured, metric, arm, weighting, which),
  }));
}

function compare(measured: Measured, metric: Metric, arm: string): ComparisonResult {
  const { experiment, arms } = measured;
  const strata = strataOf(measured, metric, arm, 'settled').map((stratum) => ({ control: forIntervals(metric, stratum.control), arm: forIntervals(metric, stratum.arm) }));
  // Bonferroni: all arms together keep the experiment's α.
  const difference = differenceInterval(strata, experiment.alpha / (arms.length - 1), experiment.expectedUnits);
  const outcome = outcomeOf(metric, difference);
  return { metric, arm, difference, outcome, words: inWords(experiment, metric, arm, difference, outcome) };
}

function outcomeOf(metric: Metric, difference: Difference | null): Outcome {
  if (!difference || (difference.low <= 0 && difference.high >= 0)) return 'undecided';
  return (difference.low > 0) === (METRICS[metric].better === 'higher') ? 'better' : 'worse';
}

function inWords({ control }: ExperimentEntity, metric: Metric, arm: string, difference: Difference | null, outcome: Outcome): string {
  const { words, show, share } = METRICS[metric];
  if (!difference) return `Not decided yet (${words}): ${arm} or ${control} has too few units for an interval.`;
  const size = (value: number) => (share ? `${show(value).replace('%', '')} points` : show(value));
  const range = `${size(difference.low)} to ${size(difference.high)}`;
  if (outcome === 'undecided') return `Not decided yet (${words}): ${arm} minus ${control} lies between ${range.replace(' to ', ' and ')}.`;
  const { value } = difference;
  return `${arm} is ${outcome} than ${control}: ${words} ${value < 0 ? 'lower' : 'higher'} by ${size(Math.abs(value))} (interval of the difference ${range}).`;
}

function verdict({ control, primaryMetric }: ExperimentEntity, comparisons: ComparisonResult[], { mismatch, pValue }: SampleRatio): string {
  if (mismatch) return `Do not trust these results: units did not go to the arms as the weights say (p = ${pValue.toPrecision(2)}). Something loses or sends calls by arm; find out what.`;
  const better = comparisons.filter(({ outcome }) => outcome === 'better');
  if (better.length === 1) return better[0]!.words;
  if (better.length > 1) return `${better.map(({ arm }) => arm).join(' and ')} are better than ${control} in ${METRICS[primaryMetric].words}; which of them is best is not tested.`;
  if (comparisons.every(({ outcome }) => outcome === 'worse')) return `${control} is better than every other arm in ${METRICS[primaryMetric].words}.`;
  return comparisons.map(({ words }) => words).join(' ');
}

function sampleRatioOf(measured: Measured): SampleRatio {
  const { arms, traffic, experiment } = measured;
  const pValue = sampleRatioPValue(experiment.weightings.map((weights, weighting) => ({
    weights, units: arms.map((arm) => traffic.find((each) => each.arm === arm && each.weighting === weighting)?.units ?? 0),
  })));
  return { pValue, mismatch: pValue < MISMATCH };
}

interface Judged {
  observed: number | null;
  atLeast: number | null;
  violated: boolean;
}

function judge(measured: Measured, guard: Guard, arm: string, alpha: number): GuardResult {
  const allowed = guard.maxWorse ?? (guard.metric === 'latency_p95' ? SLOW_SHARE : guard.limit!);
  const judged = guard.metric === 'latency_p95' ? slowness(measured, arm, alpha)
    : guard.maxWorse === null ? againstLimit(measured, guard.metric, arm, guard.limit!, alpha)
    : againstControl(measured, guard.metric, arm, guard.maxWorse, alpha);
  return { metric: guard.metric, arm, allowed, ...judged, words: guardWords(measured.experiment, guard, arm, allowed, judged) };
}

/** Share of units whose first call took longer than the limit: above 5% when the 95th percentile is above the limit. */
function slowness({ traffic }: Measured, arm: string, alpha: number): Judged {
  const own = traffic.filter((each) => each.arm === arm);
  return judgedShare({ n: own.reduce((sum, { units }) => sum + units, 0), sum: own.reduce((sum, { slow }) => sum + slow, 0) }, SLOW_SHARE, alpha, 1);
}

/** What is better when higher is looked at upside down, so that more is always worse. */
const upsideDown = (metric: Metric): 1 | -1 => (METRICS[metric].better === 'lower' ? 1 : -1);

function shareOf(metric: Metric, { n, mean }: Moments): Share {
  return { n, sum: n * (upsideDown(metric) === 1 ? mean : 1 - mean) };
}

function judgedShare(share: Share, bound: number, alpha: number, sign: 1 | -1): Judged {
  if (share.n === 0) return { observed: null, atLeast: null, violated: false };
  const back = (value: number) => (sign === 1 ? value : 1 - value);
  return { observed: back(share.sum / share.n), atLeast: back(lowestMean(share, alpha)), violated: evidenceAbove(share, bound) >= -Math.log(alpha) };
}

function againstLimit(measured: Measured, metric: Metric, arm: string, limit: number, alpha: number): Judged {
  const all = pooled(weightingsOf(measured).map((weighting) => momentsOf(measured, metric, arm, weighting, 'first')));
  const sign = upsideDown(metric);
  if (METRICS[metric].share) return judgedShare(shareOf(metric, all), sign === 1 ? limit : 1 - limit, alpha, sign);
  const interval = meanInterval(all, alpha, GUARDS_TUNED_AT);
  const atLeast = interval && (sign === 1 ? interval.low : interval.high);
  return { observed: all.n === 0 ? null : all.mean, atLeast, violated: atLeast !== null && sign * (atLeast - limit) > 0 };
}

function againstControl(measured: Measured, metric: Metric, arm: string, maxWorse: number, alpha: number): Judged {
  const strata = strataOf(measured, metric, arm, 'first');
  if (METRICS[metric].share) {
    const pairs = strata.map((stratum) => ({ control: shareOf(metric, stratum.control), arm: shareOf(metric, stratum.arm) }));
    const [own, other] = [pooled(strata.map((stratum) => stratum.arm)), pooled(strata.map((stratum) => stratum.control))];
    if (own.n === 0 || other.n === 0) return { observed: null, atLeast: null, violated: false };
    return { observed: upsideDown(metric) * (own.mean - other.mean), atLeast: lowestExcess(pairs, alpha), violated: evidenceOfExcess(pairs, maxWorse) >= -Math.log(alpha) };
  }
  const difference = differenceInterval(strata, alpha, GUARDS_TUNED_AT);
  if (!difference) return { observed: null, atLeast: null, violated: false };
  const [observed, atLeast] = upsideDown(metric) === 1 ? [difference.value, difference.low] : [-difference.value, -difference.high];
  return { observed, atLeast, violated: atLeast > maxWorse };
}

function guardWords({ control }: ExperimentEntity, { metric, limit, maxWorse }: Guard, arm: string, allowed: number, { observed, atLeast, violated }: Judged): string {
  const percentile = metric === 'latency_p95';
  const { words, show, better } = percentile ? { ...METRICS.error_rate, words: `share of calls over ${METRICS.latency_ms.show(limit!)}` } : METRICS[metric];
  if (observed === null) return `Not known yet: too few units of ${arm} for its ${words}.`;
  const beyond = maxWorse === null && better === 'higher' ? observed < allowed : observed > allowed;
  const state = violated ? 'Violated' : beyond ? 'Not shown to be violated yet' : 'Kept';
  const proof = violated ? `; ${maxWorse === null && better === 'higher' ? 'at most' : 'at least'} ${show(atLeast!)} at any time of looking` : '';
  if (maxWorse === null) return `${state}: the ${words} of ${arm} is ${show(observed)}, the limit is ${show(allowed)}${proof}.`;
  return `${state}: the ${words} of ${arm} is ${show(Math.abs(observed))} ${observed < 0 ? 'better' : 'worse'} than that of ${control}, ${show(allowed)} is allowed${proof}.`;
}
