import type { Operation } from '../../calls/call-record.js';
import { DomainError } from '../../common/errors.js';
import { isObject } from '../../common/is-object.js';

export type Json = Record<string, unknown>;

/** OpenAI's error object. */
export interface OpenAiError {
  message: string;
  type: string;
  param: string | null;
  code: string | null;
}

/** A server-sent event, as a parser of streams gives it. */
export interface ServerEvent {
  event?: string | undefined;
  data: string;
}

/**
 * Reads one stream: takes an event of the upstream, gives the `data:` payloads to pass on, `[DONE]` included. A payload
 * that is OpenAI's error object (`{"error": …}`) is the last one. The chunk that tells usage is given in any case, since
 * the gateway counts by it; a caller that did not ask for it does not get it: see tellsUsageOnly.
 */
export type EventReader = (event: ServerEvent) => string[];

/** What one kind of provider speaks, to and from OpenAI's shapes. Pure: no I/O, and no state but that of an EventReader. */
export interface Protocol {
  /** What it takes. A `message` that it does not take is asked as `chat`: see messages-request. */
  readonly operations: ReadonlySet<Operation>;
  /**
   * @param body of the operation, in the shape of its route; it stays as it is
   * @param model the provider's own name
   * @returns path below the base URL, and the provider's own request
   * @throws DomainError bad_input naming what this kind of provider cannot do.
   */
  request(operation: Operation, body: Json, model: string): { path: string; body: Json };
  headers(apiKey: string | null): Record<string, string>;
  /** A whole answer in the shape of the operation's route. @throws DomainError upstream_failed when it is in no known shape. */
  answer(operation: Operation, text: string): string;
  /** Null when the stream is passed on as it is. @param body as given to `request` */
  events(operation: Operation, body: Json): EventReader | null;
  /** An answer that is not 200 as OpenAI's error; null when it is in no known shape, such as a proxy's page. */
  error(text: string, status: number): { status: number; error: OpenAiError } | null;
}

/** Whether a payload is the chunk that `stream_options.include_usage` asks for. */
export const tellsUsageOnly = (payload: string): boolean => payload.includes('"choices":[],"usage":{');

/** Whether a chat request asks for that chunk. */
export const asksForUsage = ({ stream_options: options }: Json): boolean => isObject(options) && options['include_usage'] === true;

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Null when it is not JSON, or no object. */
export function parseObject(text: string): Json | null {
  try {
    const value = JSON.parse(text) as unknown;
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** A refusal of what a provider cannot do, which its caller may mend. */
export const unsupported = (param: string, message: string): DomainError => new DomainError('bad_input', message, param, 'unsupported_parameter');

/** What a caller gave is not what the route takes. */
export const invalid = (param: string, message: string): DomainError => new DomainError('bad_input', message, param, 'invalid_value');

export function unreadable(what: string, text: string): DomainError {
  return new DomainError('upstream_failed', `The provider's answer is not ${what}: ${text.slice(0, 200)}`);
}

/** OpenAI's `type` of an error by its status. */
export function errorType(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}
