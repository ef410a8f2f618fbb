import type { CallRecord, Operation } from '../calls/call-record.js';
import type { RequestContext } from '../common/request-context.js';
import type { Target } from '../deployments/target.service.js';
import type { Reservation } from '../limits/buckets.js';
import { NO_TOKENS, type Tokens } from './chat-usage.js';

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
  readonly gone = new AbortController();

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
