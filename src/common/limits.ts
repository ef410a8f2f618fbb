/**
 * What a project or an API key may use. `null` or absent: the default, which for a project is the environment's
 * (TRIAD_LIMIT_…) and for a key no limit beside its project's. 0: no limit.
 */
export interface Limits {
  requestsPerMinute?: number | null;
  /** Tokens of prompts and answers of chat completions, together. */
  tokensPerMinute?: number | null;
  /** Fine-tune jobs and evaluation runs that are queued or running. */
  concurrentJobs?: number | null;
  /** Files, data set versions and artefacts. */
  storageBytes?: number | null;
  /** Per calendar month (UTC), in the currency of the configured prices. */
  budget?: number | null;
}

export const LIMIT_NAMES = ['requestsPerMinute', 'tokensPerMinute', 'concurrentJobs', 'storageBytes', 'budget'] as const satisfies (keyof Limits)[];
export type LimitName = (typeof LIMIT_NAMES)[number];
