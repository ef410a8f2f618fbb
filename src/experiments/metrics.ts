import type { GuardMetric, Metric } from './experiment.entity.js';

/** How a metric is measured and read. */
export interface MetricInfo {
  better: 'lower' | 'higher';
  /** Each unit's value is between 0 and 1. */
  share: boolean;
  of: 'calls' | 'feedback';
  /** In a sentence. */
  words: string;
  show: (value: number) => string;
}

const number = (digits: number) => (value: number) => Number(value.toPrecision(digits)).toLocaleString('en', { maximumSignificantDigits: digits });
const points = (value: number) => `${number(3)(value * 100)}%`;
const milliseconds = (value: number) => `${number(4)(value)} ms`;

/** Everything that an experiment may be decided by. Each call counts, failed ones too. */
export const METRICS: Record<Metric, MetricInfo> = {
  error_rate: { better: 'lower', share: true, of: 'calls', words: 'error rate', show: points },
  latency_ms: { better: 'lower', share: false, of: 'calls', words: 'mean latency', show: milliseconds },
  cost: { better: 'lower', share: false, of: 'calls', words: 'cost per call', show: number(4) },
  tokens: { better: 'lower', share: false, of: 'calls', words: 'tokens per call', show: number(4) },
  thumb_rate: { better: 'higher', share: true, of: 'feedback', words: 'share of thumbs up', show: points },
  score: { better: 'higher', share: false, of: 'feedback', words: 'mean score', show: number(4) },
};

export const METRIC_NAMES = Object.keys(METRICS) as Metric[];

/** Of guards also the 95th percentile of latency, which is above a limit when more than 5% of the units are slower. */
export const GUARD_METRICS = [...METRIC_NAMES, 'latency_p95'] as GuardMetric[];
export const SLOW_SHARE = 0.05;
