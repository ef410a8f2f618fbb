import type { Bucket, BucketState, Taken } from './buckets.js';

/** OpenAI's headers. Of a project's and a key's bucket the one with less left is told. */
export function rateLimitHeaders(buckets: readonly Bucket[], { states }: Taken): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const counts of ['requests', 'tokens'] as const) {
    const tightest = buckets.map((bucket, index) => ({ bucket, state: states[index]! }))
      .filter(({ bucket }) => bucket.counts === counts).sort((a, b) => a.state.remaining - b.state.remaining)[0];
    if (!tightest) continue;
    headers[`x-ratelimit-limit-${counts}`] = String(tightest.bucket.limit);
    headers[`x-ratelimit-remaining-${counts}`] = String(tightest.state.remaining);
    headers[`x-ratelimit-reset-${counts}`] = formatDuration(tightest.state.resetMs);
  }
  return headers;
}

/** Whole seconds, at least one. */
export const retryAfterSeconds = ({ retryMs }: BucketState): number => Math.max(1, Math.ceil(retryMs / 1000));

/** As OpenAI writes durations: `20ms`, `1s`, `6m0s`, `1h0m0s`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  return `${hours > 0 ? `${hours}h` : ''}${seconds >= 60 ? `${minutes}m` : ''}${seconds % 60}s`;
}
