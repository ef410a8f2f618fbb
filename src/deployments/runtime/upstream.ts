import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { CancelSignal } from '../../common/cancellation.js';
import { DomainError, type ErrorCode } from '../../common/errors.js';
import { UpstreamStream } from './upstream-stream.js';

/** An answer in one piece comes only when it is whole, and on a busy machine it queues before. */
const ANSWER_TIMEOUT_MS = 10 * 60_000;

/** More than any completion. A server that never ends its answer shall not fill this process's memory. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/** Whom a request goes to, and how its absence is told to the caller. */
export interface Upstream {
  dispatcher: Dispatcher;
  /** Without a slash at the end. */
  url: string;
  headers?: Record<string, string>;
  /** Longest silence within an answer, milliseconds. */
  idleMs: number;
  /** Longest wait for its beginning, milliseconds; by default ten minutes. */
  firstByteMs?: number;
  unreachable: { code: ErrorCode; message: string };
}

/** An answer that is here as a whole. */
export interface WholeAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** One that goes on: 200 with server-sent events. Whoever gets it must start or abort the stream. */
export interface StreamedAnswer {
  status: 200;
  headers: IncomingHttpHeaders;
  stream: UpstreamStream;
}

export type UpstreamAnswer = WholeAnswer | StreamedAnswer;

export const isStreamed = (answer: UpstreamAnswer): answer is StreamedAnswer => 'stream' in answer;

/** Failed before anything of the answer came: asking again is safe as far as the caller has seen nothing. */
export class UpstreamUnreachable extends DomainError {}

/**
 * Sends JSON (or, without `body`, a GET).
 * @param body text that is JSON already, or an object
 * @throws DomainError `upstream.unreachable` when no answer comes; upstream_failed when it breaks off or has more than
 *   32 MiB; the signal's reason when it is aborted.
 */
export function call(upstream: Upstream, path: string, body?: object | string, signal?: CancelSignal): Promise<UpstreamAnswer> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(asError(signal.reason));
      return;
    }
    const exchange = new Exchange(upstream, resolve, reject, signal);
    const at = splitUrl(upstream.url);
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    try {
      upstream.dispatcher.dispatch({
        origin: at.origin, path: `${at.path}${path}`, method: text === undefined ? 'GET' : 'POST',
        headers: text === undefined ? upstream.headers ?? {} : { 'content-type': 'application/json', ...upstream.headers },
        body: text ?? null, headersTimeout: upstream.firstByteMs ?? ANSWER_TIMEOUT_MS, bodyTimeout: upstream.idleMs,
      }, exchange);
    } catch (error) {
      exchange.onResponseError(null, error as Error);
    }
  });
}

/** As `call`, for what is never streamed. */
export async function callWhole(upstream: Upstream, path: string, body?: object, signal?: CancelSignal): Promise<WholeAnswer> {
  const answer = await call(upstream, path, body, signal);
  if (!isStreamed(answer)) return answer;
  answer.stream.abort();
  throw new DomainError('upstream_failed', `${upstream.url}${path} answered with a stream where none was asked for.`);
}

/** One request: undici's handler. It is done with when the answer is whole, or a stream has taken over. */
class Exchange implements Dispatcher.DispatchHandler {
  private controller: Dispatcher.DispatchController | null = null;
  private status = 0;
  private headers: IncomingHttpHeaders = {};
  private readonly chunks: Buffer[] = [];
  private bytes = 0;
  private stream: UpstreamStream | null = null;
  private readonly onAbort = () => this.abort();

  constructor(
    private readonly upstream: Upstream,
    private readonly resolve: (answer: UpstreamAnswer) => void,
    private readonly reject: (error: Error) => void,
    private readonly signal: CancelSignal | undefined,
  ) {
    signal?.addEventListener('abort', this.onAbort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.signal?.aborted) this.abort();
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return;
    this.status = status;
    this.headers = headers;
    if (status !== 200 || !String(headers['content-type']).startsWith('text/event-stream')) return;
    this.stream = new UpstreamStream(controller);
    this.resolve({ status, headers, stream: this.stream });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.stream) return this.stream.push(chunk);
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    if (this.bytes > MAX_ANSWER_BYTES) controller.abort(new Error(`it has more than ${MAX_ANSWER_BYTES} bytes`));
  }

  onResponseEnd(): void {
    this.signal?.removeEventListener('abort', this.onAbort);
    if (this.stream) return this.stream.end();
    const whole = this.chunks.length === 1 ? this.chunks[0]! : Buffer.concat(this.chunks);
    this.resolve({ status: this.status, headers: this.headers, text: whole.toString('utf8') });
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.signal?.removeEventListener('abort', this.onAbort);
    if (this.signal?.aborted) error = asError(this.signal.reason);
    if (this.stream) this.stream.fail(error);
    else this.reject(this.signal?.aborted || error instanceof DomainError ? error : this.failure(error));
  }

  private failure(error: Error): DomainError {
    if (this.status > 0) return new DomainError('upstream_failed', `The model's answer broke off (${reasonOf(error)}); ask again.`);
    const { code, message } = this.upstream.unreachable;
    return new UpstreamUnreachable(code, `${message} (${reasonOf(error)})`);
  }

  /** undici hears of it; a request that still waits for a connection is given up by undici when it gets one. */
  private abort(): void {
    const reason = asError(this.signal!.reason);
    if (this.controller) this.controller.abort(reason);
    else this.reject(reason);
  }
}

/** Of the upstreams in use, which are few. */
const places = new Map<string, { origin: string; path: string }>();

function splitUrl(url: string): { origin: string; path: string } {
  let place = places.get(url);
  if (!place) {
    const { origin, pathname } = new URL(url);
    if (places.size > 10_000) places.clear();
    places.set(url, place = { origin, path: pathname.replace(/\/$/, '') });
  }
  return place;
}

const asError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));

export function reasonOf(error: unknown): string {
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : [error];
  const { code, message } = first as { code?: string; message?: string };
  return code ?? message ?? String(first);
}

/** What an OpenAI-compatible server says of a failure; null when its answer is in no known shape. */
export function errorOf(text: string): { message: string; code: unknown } | null {
  try {
    const body = JSON.parse(text) as { error?: { message?: unknown; code?: unknown } | string; message?: unknown };
    const error = typeof body.error === 'object' ? body.error : body;
    return typeof error.message === 'string' ? { message: error.message, code: 'code' in error ? error.code : null } : null;
  } catch {
    return null;
  }
}
