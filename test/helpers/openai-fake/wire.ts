import type { ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import type { Refusal } from './refusal.js';

let served = 0;

/** What every answer of OpenAI carries beside its body. */
export const headersOfOpenAi = (): Record<string, string> => ({
  'x-request-id': `req_${(served += 1).toString(16).padStart(32, '0')}`,
  'openai-organization': 'org-fake', 'openai-processing-ms': '3', 'openai-version': '2020-10-01',
  'x-ratelimit-limit-requests': '10000', 'x-ratelimit-remaining-requests': '9999', 'x-ratelimit-reset-requests': '6ms',
  'x-ratelimit-limit-tokens': '2000000', 'x-ratelimit-remaining-tokens': '1999990', 'x-ratelimit-reset-tokens': '0s',
});

export function json(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  response.writeHead(status, { ...headersOfOpenAi(), 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

export function refuse(response: ServerResponse, { status, error, headers }: Refusal): void {
  json(response, status, { error }, headers);
}

/** An event; with a name where OpenAI names its events. */
export const frame = (data: object, event?: string): string => `${event ? `event: ${event}\n` : ''}data: ${JSON.stringify(data)}\n\n`;

export const DONE = 'data: [DONE]\n\n';

/** A stream's head. */
export function openStream(response: ServerResponse): void {
  response.writeHead(200, { ...headersOfOpenAi(), 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
}

/** Sends events one by one, each in a packet of its own as far as that can be had. */
export async function sendEvents(response: ServerResponse, events: Iterable<string>): Promise<void> {
  for (const event of events) {
    if (response.destroyed) return;
    response.write(event);
    await turn();
  }
}
