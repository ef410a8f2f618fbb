import type { CallRecord, Operation } from '../calls/call-record.js';
import type { RequestContext } from '../common/request-context.js';
import type { Target } from '../deployments/target.service.js';
import type { Reservation } from '../limits/buckets.js';
import type { Abortable } from '../deployments/runtime/upstream.js';
import { NO_TOKENS, type Tokens } from './chat-usage.js';

const CLIENT_LEFT = new DOMException('The client has left.', 'AbortError');

/** Ends a call when its client has left: an AbortSignal where one is asked for, and without one nearly nothing. */
export class ClientGone implements Abortable {
  aborted = false;
  readonly reason = CLIENT_LEFT;
  private readonly listeners: (() => void)[] = [];
  private controller: AbortController | null = null;

  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    if (this.aborted) this.controller.abort(this.reason);
    return this.controller.signal;
  }

  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    this.controller?.abort(this.reason);
    for (const listener of this.listeners.splice(0)) listener();
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const index = this.listeners.indexOf(listener);
    if (index >= 0) this.listeners.splice(index, 1);
  }
}

/** One call of a model, from the time it came in until it has been accounted for. */
export class GatewayCall {
  /** What was asked last. */
  target: Target | null = null;
  deploymentId: string | null = null;
  promptVersionId: string | null = null;
  promptMessages = 0;
  variables: Record<string, unknown> | null = null;
  experiment: { experimentId: string; arm: string } | null = null;
  stickyKey: string | null = null;
  attempts = 0;
  cached = false;
  /** The request as it is sent on. */
  request: Record<string, unknown> = {};
  tokens: Tokens = NO_TOKENS;
  firstTokenMs: number | null = null;
  readonly at = Date.now();
  readonly startedAt = performance.now();
  readonly gone = new ClientGone();

  constructor(
    readonly id: string,
    readonly operation: Operation,
    readonly ctx: RequestContext,
    readonly body: Record<string, unknown>,
    readonly reservation: Reservation | undefined,
  ) {}

  get model(): string {
    const { model } = this.body;
    return typeof model === 'string' ? model : '';
  }
}

/** How a call ended. */
export type CallEnd = Pick<CallRecord, 'status' | 'errorCode' | 'streamed' | 'answer'>;
