import { createParser } from 'eventsource-parser';
import { type DomainError } from '../common/errors.js';
import { httpError } from '../common/http-error.filter.js';
import type { Dialogue } from './dialogue.js';
import type { GatewayCall } from './gateway-call.js';
import { messageError } from './protocols/messages-answer.js';
import { MessageWriter } from './protocols/messages-events.js';
import type { EventReader, Json, OpenAiError, ServerEvent } from './protocols/protocol.js';

/** How a stream's events are passed on. */
export interface EventShape {
  /**
   * @param events whole server-sent events of the upstream
   * @returns what the gateway itself reads of them, in the shape of the route that was asked, and what the caller gets
   */
  translate(events: string): { seen: string; told: string };
  /** Whether the last of all events is among them. */
  endsIn(seen: string): boolean;
  /** A last event that says why no other follows. */
  failure(error: DomainError): string;
}

const DONE = /(^|\n)data:\s*\[DONE\]\s*$/;
const FAILED = /^data: \{"error":/m;
const MESSAGE_STOP = /(^|\n)event:\s*message_stop/;

/** @param requestId for errors in Anthropic's shape */
export function shapeOf(call: GatewayCall, dialogue: Dialogue): EventShape {
  const isMessage = call.operation === 'message';
  const reader = dialogue.reader(call.request);
  const writer = dialogue.isTranslated ? new MessageWriter(call.ctx.requestId) : null;
  const failure = (error: DomainError) => (isMessage ? messageFailure(error, call.ctx.requestId) : `data: ${JSON.stringify(httpError(error).body)}\n\n`);
  if (!reader && !writer) {
    const last = isMessage ? MESSAGE_STOP : DONE;
    return { translate: (events) => ({ seen: events, told: events }), endsIn: (seen) => last.test(isMessage ? seen : seen.trimEnd()), failure };
  }
  const read = reader ?? (({ data }: ServerEvent) => [data]);
  return { translate: (events) => translated(events, read, writer), endsIn: (seen) => DONE.test(seen.trimEnd()) || FAILED.test(seen), failure };
}

function translated(events: string, read: EventReader, writer: MessageWriter | null): { seen: string; told: string } {
  const payloads: string[] = [];
  createParser({ onEvent: (event) => payloads.push(...read(event)) }).feed(events);
  const seen = payloads.map((payload) => `data: ${payload}\n\n`).join('');
  return { seen, told: writer ? payloads.map((payload) => writer.write(payload)).join('') : seen };
}

function messageFailure(error: DomainError, requestId: string): string {
  return `event: error\ndata: ${JSON.stringify(messageError(error.status, httpError(error).body.error, requestId))}\n\n`;
}

/** An error as the caller's protocol has it. */
export function errorBody(call: Pick<GatewayCall, 'operation'>, status: number, error: OpenAiError, requestId: string): Json {
  return call.operation === 'message' ? messageError(status, error, requestId) : { error };
}
