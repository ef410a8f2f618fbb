import { isObject } from '../common/is-object.js';
import { Injectable, Logger } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import type { Operation } from '../calls/call-record.js';
import type { CachePolicy } from '../deployments/deployment.entity.js';
import { isStreamed, type StreamedAnswer, type WholeAnswer } from '../deployments/runtime/upstream.js';
import { CallAccount } from './call-account.js';
import type { Dialogue } from './dialogue.js';
import { EventRelay, type StreamEnd } from './event-relay.js';
import { errorBody, shapeOf } from './event-shape.js';
import type { GatewayCall } from './gateway-call.js';
import { MessageAssembler } from './protocols/message-assembler.js';
import { type Json, parseObject } from './protocols/protocol.js';
import { refusalOf } from './refusal.js';
import { AnswerCache, type CachedAnswer, type CacheKey } from './routing/answer-cache.js';
import { Failover } from './routing/failover.js';
import { asEvents } from './routing/replay.js';
import type { Candidate, Route } from './routing/route.js';
import { StreamAssembler, type StreamedOperation } from './routing/stream-assembler.js';
import type { TargetAnswer } from './target-caller.js';
import { StreamUsage, usageOf } from './usage.js';

/** An answer ready to be sent: in one piece, or written as it comes. */
export type GatewayAnswer =
  | { status: number; headers: Record<string, string>; body: string; isEvents?: boolean }
  | { status: 200; headers: Record<string, string>; pipe: (out: ServerResponse) => void };

/** What is known of an answer beside itself. */
export interface Found {
  route: Route;
  candidate: Candidate;
  /** Until when a stream may go on, by `performance.now()`. */
  deadline: number;
  /** Where to keep it; null: nowhere. */
  keep: { key: CacheKey; policy: CachePolicy } | null;
  /** It is the answer of another call, which is charged for it. */
  shared: boolean;
  headers: Record<string, string>;
}

const NOTHING = { errorCode: null, answer: null };

/** Passes on what a target answered, and accounts for the call when that has ended. */
@Injectable()
export class AnswerPasser {
  private readonly logger = new Logger('Gateway');

  constructor(
    private readonly account: CallAccount,
    private readonly cache: AnswerCache,
    private readonly failover: Failover,
  ) {}

  pass(call: GatewayCall, { answer, dialogue }: TargetAnswer, found: Found): GatewayAnswer {
    if (isStreamed(answer)) return this.stream(call, answer, dialogue, found);
    if (answer.status !== 200) return this.refuse(call, answer, dialogue, found);
    const text = dialogue.read(answer.text);
    if (!found.shared) call.usage = usageOf(dialogue.asked, text, call.request);
    const body = dialogue.tell(text);
    const parsed = found.keep || this.account.wantsTexts(call) ? parseObject(text) : null;
    if (found.keep && isAnswer(parsed)) this.cache.put(found.keep.key, text, found.keep.policy);
    this.account.end(call, { ...NOTHING, status: 200, streamed: false, answer: parsed });
    return { status: 200, headers: found.headers, body };
  }

  /** An answer of before, which costs nothing. */
  replay(call: GatewayCall, { text, age }: CachedAnswer, dialogue: Dialogue, headers: Record<string, string>): GatewayAnswer {
    call.cached = true;
    const { stream, stream_options: options } = call.request;
    const isEvents = stream === true && isStreamedOperation(call.operation);
    const body = isEvents ? asEvents(call.operation, JSON.parse(text) as Json, isObject(options) && options['include_usage'] === true) : dialogue.tell(text);
    this.account.end(call, { ...NOTHING, status: 200, streamed: isEvents, answer: this.account.wantsTexts(call) ? parseObject(text) : null });
    return { status: 200, headers: { ...headers, age: String(age) }, body, isEvents };
  }

  private refuse(call: GatewayCall, answer: WholeAnswer, dialogue: Dialogue, { candidate, headers }: Found): GatewayAnswer {
    const { status, error } = refusalOf(answer, dialogue, candidate.target?.kind === 'provider' ? candidate.provider : null);
    const after = answer.headers['retry-after'];
    this.account.end(call, { status, errorCode: error.code ?? 'upstream_refused', streamed: false, answer: null });
    return { status, headers: after ? { ...headers, 'retry-after': after } : headers, body: JSON.stringify(errorBody(call, status, error, call.ctx.requestId)) };
  }

  private stream(call: GatewayCall, { stream }: StreamedAnswer, dialogue: Dialogue, found: Found): GatewayAnswer {
    const counted = new StreamUsage(call.request);
    const assembler = found.keep !== null || this.account.wantsTexts(call) ? assemblerOf(dialogue.asked) : null;
    const leftMs = Math.max(0, found.deadline - performance.now());
    const deadline = setTimeout(() => stream.abort(new Error('it took longer than the deployment allows')), leftMs).unref();
    const watcher = {
      see: (events: string, count: number) => {
        call.firstTokenMs ??= performance.now() - call.startedAt;
        counted.see(events, count);
        assembler?.addEvents(events);
      },
      ended: (how: StreamEnd) => {
        clearTimeout(deadline);
        call.usage = counted.usage(how === 'done');
        if (how === 'broken') this.failover.brokeOff(found.route, found.candidate);
        const [status, errorCode] = how === 'done' ? [200, null] : how === 'left' ? [499, 'client_left'] : [200, 'upstream_failed'];
        this.account.end(call, { status, errorCode, streamed: true, answer: this.keep(how, assembler, found) });
      },
    };
    return { status: 200, headers: found.headers, pipe: (out) => stream.start(new EventRelay(out, stream, shapeOf(call, dialogue), watcher)) };
  }

  /** The stream put together, which is kept when it is whole. */
  private keep(how: StreamEnd, assembler: Assembler | null, { keep }: Found): Json | null {
    try {
      const answer = assembler?.answer() ?? null;
      if (how === 'done' && keep && isAnswer(answer)) this.cache.put(keep.key, JSON.stringify(answer), keep.policy);
      return answer;
    } catch (error) {
      // Such as one that is nested too deeply: the call is accounted for without it.
      this.logger.warn(`A stream is not put together: ${String(error)}`);
      return null;
    }
  }
}

interface Assembler {
  addEvents(events: string): void;
  answer(): Json | null;
}

/** An answer that another caller may get as well. */
const isAnswer = (answer: Json | null): boolean => answer !== null && answer['error'] == null && ['choices', 'content', 'data'].some((name) => Array.isArray(answer[name]));
const isStreamedOperation = (operation: Operation): operation is StreamedOperation => operation === 'chat' || operation === 'completion';

function assemblerOf(operation: Operation): Assembler | null {
  if (isStreamedOperation(operation)) return new StreamAssembler(operation);
  return operation === 'message' ? new MessageAssembler() : null;
}
