import { Logger } from '@nestjs/common';
import type { Readable } from 'node:stream';
import { DomainError } from '../common/errors.js';
import { httpError } from '../common/http-error.filter.js';
import { errorOf, type UpstreamAnswer, wholeText } from '../deployments/runtime/upstream.js';

/** An answer ready to be sent: OpenAI's JSON, OpenAI's error, or a stream of server-sent events. */
export interface ChatAnswer {
  status: number;
  headers: Record<string, string>;
  body: string | Readable;
}

const logger = new Logger('Chat');
/** An event ends with an empty line (WHATWG server-sent events; CRLF and LF are both in use). */
const EVENT_END = /\r?\n\r?\n/g;
/** A provider that never ends an event shall not fill this process's memory. */
const MAX_EVENT_CHARACTERS = 4_000_000;
const DONE = /(^|\n)data:\s*\[DONE\]\s*$/;

/**
 * Passes server-sent events on, each as soon as it is whole. A stream that breaks off, falls silent or ends without
 * `[DONE]` gets a last event with OpenAI's error object, which the official clients raise; never half an event.
 * @param seen hears of the events that are passed on, and how many they are
 */
export async function* relayEvents(body: AsyncIterable<Buffer>, seen?: (events: string, count: number) => void): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  let done = false;
  try {
    for await (const chunk of body) {
      rest += decoder.decode(chunk, { stream: true });
      if (rest.length > MAX_EVENT_CHARACTERS + chunk.length) throw new Error(`an event has more than ${MAX_EVENT_CHARACTERS} characters`);
      const ends = [...rest.matchAll(EVENT_END)];
      const end = ends.at(-1);
      if (!end) continue;
      const whole = rest.slice(0, end.index + end[0].length);
      rest = rest.slice(whole.length);
      done ||= DONE.test(whole.trimEnd());
      seen?.(whole, ends.length);
      yield whole;
    }
    if (!done) yield brokenOff('it ended without [DONE]');
  } catch (error) {
    if (!done && (error as Error).name !== 'AbortError') yield brokenOff((error as Error).message);
  }
}

function brokenOff(reason: string): string {
  logger.warn(`A model's stream broke off: ${reason}`);
  const { body } = httpError(new DomainError('upstream_failed', `The model's answer broke off (${reason}). What came before is not complete; ask again.`));
  return `data: ${JSON.stringify(body)}\n\n`;
}

/**
 * A refusal in OpenAI's shape. It keeps status and error of a server that speaks that shape, save where they would be
 * read as being about the caller's own key.
 * @param provider its name; null for the own runtime
 */
export async function relayRefusal(answer: UpstreamAnswer, provider: string | null): Promise<ChatAnswer> {
  const text = await wholeText(answer);
  const error = errorOf(text);
  const who = provider === null ? 'The runtime' : `Provider ${JSON.stringify(provider)}`;
  const headers: Record<string, string> = { 'content-type': 'application/json; charset=utf-8' };
  if (answer.headers['retry-after']) headers['retry-after'] = answer.headers['retry-after'];
  if (answer.status === 401 || answer.status === 403) {
    // Its words are left out: they may hold part of the key.
    throw new DomainError('upstream_failed', `${who} refused the key stored for it (status ${answer.status}). Check that the key is valid there and may use this model.`);
  }
  if (!error || answer.status < 400) {
    throw new DomainError('upstream_failed', `${who} answered with status ${answer.status} and no error in OpenAI's shape: ${text.slice(0, 200)}`);
  }
  return { status: answer.status, headers, body: JSON.stringify(openaiError(text, answer.status)) };
}

/** The upstream's error object with all four of OpenAI's fields. */
function openaiError(text: string, status: number): { error: object } {
  const body = JSON.parse(text) as { error?: object };
  const error = typeof body.error === 'object' ? body.error : body;
  return { error: { type: status >= 500 ? 'server_error' : 'invalid_request_error', param: null, code: null, ...error } };
}
