import { Webhook } from 'standardwebhooks';
import { type Dispatcher, request } from 'undici';
import { webhookAttempts } from '../observability/metrics.js';
import { parseRetryAfter } from './retry-schedule.js';
import type { DeliveryAttempt } from './webhook.entity.js';

const KEPT_BYTES = 1024;

export interface WebhookMessage {
  /** The same on every attempt, so that a receiver knows one it has had. */
  id: string;
  body: string;
  /** When it is sent. Receivers refuse what is minutes off, so this is the database's time and not a worker's. */
  at: Date;
}

export interface Outcome {
  attempt: DeliveryAttempt;
  retryAfterMs: number | null;
}

/** Headers of Standard Webhooks 1.0.0: HMAC-SHA256 over `id.timestamp.body`, one signature per secret. */
export function signedHeaders(secrets: string[], message: WebhookMessage): Record<string, string> {
  return {
    'webhook-id': message.id,
    'webhook-timestamp': String(Math.floor(message.at.getTime() / 1000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(message.id, message.at, message.body)).join(' '),
  };
}

/**
 * One signed POST. Redirects are not followed, and no more than a kilobyte of the answer is read: its status is what
 * counts, whether or not the body ever ends.
 * @param secrets those that sign: one, or two during a rotation
 * @param signal ends the attempt: the time-out, or the worker's stop
 * @returns what happened; no failure of the receiver throws.
 */
export async function sendWebhook(url: string, secrets: string[], message: WebhookMessage, via: { dispatcher: Dispatcher; signal: AbortSignal }): Promise<Outcome> {
  const started = performance.now();
  const outcome = (status: number | null, response: string, retryAfterMs: number | null = null): Outcome => {
    webhookAttempts.inc({ outcome: status === null ? 'unanswered' : status >= 200 && status < 300 ? 'delivered' : 'refused' });
    return { attempt: { at: message.at.toISOString(), status, milliseconds: Math.round(performance.now() - started), response }, retryAfterMs };
  };
  try {
    const headers = { 'content-type': 'application/json', 'user-agent': 'triad-webhooks/1', ...signedHeaders(secrets, message) };
    const response = await request(url, { method: 'POST', headers, body: message.body, ...via });
    const [retryAfter, date] = ['retry-after', 'date'].map((name) => [response.headers[name]].flat()[0]);
    // A date is meant by the receiver's clock, if it tells that.
    const now = new Date(Date.parse(date ?? '') || message.at);
    return outcome(response.statusCode, await firstKilobyte(response.body), parseRetryAfter(retryAfter, now));
  } catch (error) {
    return outcome(null, via.signal.aborted ? 'No answer in time.' : describe(error));
  }
}

/** What of the body arrives before the kilobyte is full, the body ends or the attempt does. */
async function firstKilobyte(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= KEPT_BYTES) break; // leaving the loop destroys the body and its connection
    }
  } catch {
    // The status arrived; a body that breaks off changes nothing.
  }
  // Postgres cannot store NUL in JSON.
  return Buffer.concat(chunks).subarray(0, KEPT_BYTES).toString('utf8').replaceAll('\0', '');
}

function describe(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return [typeof code === 'string' ? code : null, message].filter(Boolean).join(': ').slice(0, KEPT_BYTES).replaceAll('\0', '');
}
