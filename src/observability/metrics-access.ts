import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

const LOOPBACK = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);
const digest = (text: string) => createHash('sha256').update(text).digest();

/**
 * Whether a caller may read the metrics: with the token when one is set; else, in development only, from this machine: behind a
 * proxy every caller looks local.
 */
export function mayReadMetrics(request: { headers: IncomingHttpHeaders; remoteAddress: string | undefined }, { token, production }: { token: string | undefined; production: boolean }): boolean {
  const { headers, remoteAddress } = request;
  if (token !== undefined) return timingSafeEqual(digest(headers.authorization ?? ''), digest(`Bearer ${token}`));
  return !production && LOOPBACK.has(remoteAddress ?? '') && headers['x-forwarded-for'] === undefined && headers.forwarded === undefined;
}

/** What to tell a caller who may not. */
export const METRICS_REFUSAL = 'Without a token metrics are open to this machine only, and in development only. Set TRIAD_METRICS_TOKEN on the server and send it as `Authorization: Bearer …`.';
