import { isObject } from '../common/is-object.js';
import type { CallRecord, Operation } from '../calls/call-record.js';
import type { Cancellation } from '../common/cancellation.js';
import type { RequestContext } from '../common/request-context.js';
import { NO_USAGE, type Usage } from '../deployments/pricing.js';
import type { Reservation } from '../limits/buckets.js';
import type { Json } from './protocols/protocol.js';
import type { Candidate } from './routing/route.js';

/** What a request says beside its body. */
export interface CallHeaders {
  /** Whom assignments stick to. */
  stickyKey: string | null;
  /** Of the cache of answers: as `x-triad-cache-control` says. */
  cacheControl: string | undefined;
  /** Passed on to a provider that speaks the caller's own protocol. */
  passedOn: Record<string, string> | null;
}

/** One call of a model, from the time it came in until it has been accounted for. */
export class GatewayCall {
  /** What was asked last. */
  candidate: Candidate | null = null;
  deploymentId: string | null = null;
  promptVersionId: string | null = null;
  promptMessages = 0;
  variables: Json | null = null;
  experiment: { experimentId: string; arm: string } | null = null;
  attempts = 0;
  cached = false;
  /** The request as it is sent on, in the shape of its route. */
  request: Json = {};
  usage: Usage = NO_USAGE;
  firstTokenMs: number | null = null;
  readonly at = Date.now();
  readonly startedAt = performance.now();
  /** Whether it has been accounted for. */
  hasEnded = false;

  constructor(
    readonly id: string,
    readonly operation: Operation,
    readonly ctx: RequestContext,
    readonly body: Json,
    readonly headers: CallHeaders,
    readonly reservation: Reservation | undefined,
    /** Fires when the client has left. */
    readonly gone: Cancellation,
  ) {}

  /** Whom assignments stick to: the header `x-triad-sticky-key`, else OpenAI's `safety_identifier` or `user`, or Anthropic's `metadata.user_id`. */
  get stickyKey(): string | null {
    const { safety_identifier: identifier, user, metadata } = this.body;
    const said = this.headers.stickyKey ?? identifier ?? user ?? (this.operation === 'message' && isObject(metadata) ? metadata['user_id'] : null);
    return typeof said === 'string' ? said : null;
  }
}

/** How a call ended. */
export type CallEnd = Pick<CallRecord, 'status' | 'errorCode' | 'streamed'> & {
  /** In the shape of the operation that was asked for upstream; null when nothing whole came, or nobody wants it. */
  answer: Json | null;
};
