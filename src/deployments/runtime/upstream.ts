import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { type Dispatcher, request } from 'undici';
import { DomainError, type ErrorCode } from '../../common/errors.js';

/** An answer in one piece comes only when it is whole, and on a busy machine it queues before. */
const ANSWER_TIMEOUT_MS = 10 * 60_000;

/** More than any completion. A server that never ends its answer shall not fill this process's memory. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/** An answer whose body has not been read. Whoever gets one must read or destroy the body. */
export interface UpstreamAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Readable & { text(): Promise<string> };
}

/** Whom a request goes to, and how its absence is told to the caller. */
export interface Upstream {
  dispatcher: Dispatcher;
  /** Without a slash at the end. */
  url: string;
  headers?: Record<string, string>;
  /** Longest silence within an answer, milliseconds. */
  idleMs: number;
  unreachable: { code: ErrorCode; message: string };
}

/**
 * Sends JSON (or, without `body`, a GET) and answers as soon as the headers are there.
 * @throws DomainError `upstream.unreachable` when no answer comes; the signal's reason when it is aborted.
 */
export async function call(upstream: Upstream, path: string, body?: object, signal?: AbortSignal): Promise<UpstreamAnswer> {
  try {
    const { statusCode, headers, body: answer } = await request(`${upstream.url}${path}`, {
      dispatcher: upstream.dispatcher,
      method: body ? 'POST' : 'GET',
      headers: { ...(body && { 'content-type': 'application/json' }), ...upstream.headers },
      body: body ? JSON.stringify(body) : null,
      signal: signal ?? null,
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: upstream.idleMs,
    });
    return { status: statusCode, headers, body: answer };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof DomainError) throw error;
    const { code, message } = upstream.unreachable;
    throw new DomainError(code, `${message} (${reasonOf(error)})`);
  }
}

/** @throws DomainError upstream_failed when the body breaks off, or has more than 32 MiB. */
export async function wholeText({ body }: UpstreamAnswer): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) break; // leaving the loop destroys the body and its connection
    }
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error;
    throw new DomainError('upstream_failed', `The model's answer broke off (${reasonOf(error)}); ask again.`);
  }
  if (bytes > MAX_ANSWER_BYTES) throw new DomainError('upstream_failed', `The model's answer has more than ${MAX_ANSWER_BYTES} bytes and was not read to its end.`);
  return Buffer.concat(chunks).toString('utf8');
}

function reasonOf(error: unknown): string {
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
