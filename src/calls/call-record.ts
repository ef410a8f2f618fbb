/** How much of a project's calls is kept: nothing; what they were and cost; also what was asked and answered. */
export const CALL_LOGGING = ['off', 'metadata', 'full'] as const;
export type CallLogging = (typeof CALL_LOGGING)[number];

/** The gateway's routes: OpenAI's, and `message` for Anthropic's. */
export const OPERATIONS = ['chat', 'completion', 'embedding', 'image', 'message'] as const;
export type Operation = (typeof OPERATIONS)[number];

/** One call of a model through the gateway, once it has ended: what the log keeps of it. */
export interface CallRecord {
  /** `call_…`; the answer's header `x-triad-call-id`. */
  id: string;
  projectId: string;
  /** When it came in: milliseconds since 1970. */
  at: number;
  principal: string;
  requestId: string;
  operation: Operation;
  /** As the caller named it. */
  model: string;
  /** What answered, or was asked last: `<provider>/<model>` or `models:/name/3`; null when nothing was asked. */
  target: string | null;
  deploymentId: string | null;
  providerId: string | null;
  modelVersionId: string | null;
  promptVersionId: string | null;
  /** How many of the request's first messages the prompt made. */
  promptMessages: number;
  /** What the prompt was filled in with. */
  variables: Record<string, unknown> | null;
  experimentId: string | null;
  /** Name of the experiment's arm. */
  arm: string | null;
  /** Whom assignments stick to, as the caller said. */
  stickyKey: string | null;
  /** OpenAI's `metadata` of the request: at most 16 texts by name. */
  metadata: Record<string, string> | null;
  /** HTTP status of the answer; 499 when the client left first. */
  status: number;
  /** Stable code of the failure; null when it went well. */
  errorCode: string | null;
  streamed: boolean;
  /** Answered from the cache of answers. */
  cached: boolean;
  /** How many times a model was asked: 1 without a retry or fallback. */
  attempts: number;
  latencyMs: number;
  /** Until the first event of a stream was passed on; null when it was none. */
  firstTokenMs: number | null;
  promptTokens: number;
  completionTokens: number;
  /** In the currency of the prices. */
  cost: number;
  /** The request as it was sent on, the prompt rendered; null unless the project logs in full. */
  request: Record<string, unknown> | null;
  /** The answer in the shape of the route's whole answer, a stream put together; null unless the project logs in full. */
  answer: Record<string, unknown> | null;
}
