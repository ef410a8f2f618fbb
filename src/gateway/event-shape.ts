import { createParser } from 'eventsource-parser';
import type { Operation } from '../calls/call-record.js';
import type { DomainError } from '../common/errors.js';
import { httpError } from '../common/http-error.filter.js';
import type { Dialogue } from './dialogue.js';
import type { GatewayCall } from './gateway-call.js';
import { messageError } from './protocols/messages-answer.js';
import { MessageWriter } from './protocols/messages-events.js';
import { asksForUsage, type EventReader, type Json, type OpenAiError, type ServerEvent, tellsUsageOnly } from './protocols/protocol.js';

/** How a stream's events are passed on. */
export interface EventShape {
  /**
   * @param events whole server-sent events of the upstream
   * @returns what the gateway itself reads of them, in the shape of the route that was asked, and what the caller gets
   */
  translate(events: string): { seen: string; told: string };
  /** Whether the last of all events is among them, or one that tells of a failure, to which nothing is to be added. */
  endsIn(seen: string): 'done' | 'failed' | null;
  /** A last event that says why no other follows. */
  failure(error: DomainError): string;
}

const DONE = /(^|\n)data:\s*\[DONE\]\s*$/;
const MESSAGE_FAILED = /(^|\n)event:\s*error/;
const FAILED = /^data:\s*\{\s*"error"\s*:/m;
/** OpenAI's streams of pictures name their events, and end without `[DONE]`. */
const IMAGE_COMPLETED = /(^|\n)(event:\s*image_generation\.completed|data:\s*\[DONE\])/;
const MESSAGE_STOP = /(^|\n)event:\s*message_stop/;

/** @param requestId for errors in Anthropic's shape */
export function shapeOf(call: GatewayCall, dialogue: Dialogue): EventShape {
  const isMessage = call.operation === 'message';
  const reader = dialogue.reader(call.request);
  const writer = dialogue.isTranslated ? new MessageWriter(call.ctx.requestId) : null;
  const failure = (error: DomainError) => (isMessage ? messageFailure(error, call.ctx.requestId) : `data: ${JSON.stringify(httpError(error).body)}\n\n`);
  if (!reader && !writer) {
    return { translate: (events) => ({ seen: events, told: events }), endsIn: endOf(call.operation), failure };
  }
  const read = reader ?? (({ data }: ServerEvent) => [data]);
  const tell = writer ? (payload: string) => writer.write(payload)
    : (payload: string) => (tellsUsageOnly(payload) && !asksForUsage(call.request) ? '' : frame(payload));
  return { translate: (events) => translated(events, read, tell), endsIn: endOf('chat'), failure };
}

function endOf(operation: Operation): EventShape['endsIn'] {
  const [last, failed] = operation === 'message' ? [MESSAGE_STOP, MESSAGE_FAILED] : [operation === 'image' ? IMAGE_COMPLETED : DONE, FAILED];
  return (events) => (failed.test(events) ? 'failed' : last.test(events) ? 'done' : null);
}

const frame = (payload: string): string => `data: ${payload}\n\n`;

function translated(events: string, read: EventReader, tell: (payload: string) => string): { seen: string; told: string } {
  const payloads: string[] = [];
  createParser({ onEvent: (event) => payloads.push(...read(event)) }).feed(events);
  return { seen: payloads.map(frame).join(''), told: payloads.map(tell).join('') };
}

function messageFailure(error: DomainError, requestId: string): string {
  return `event: error\ndata: ${JSON.stringify(messageError(error.status, httpError(error).body.error, requestId))}\n\n`;
}

/** An error as the caller's protocol has it. */
export function errorBody(call: Pick<GatewayCall, 'operation'>, status: number, error: OpenAiError, requestId: string): Json {
  return call.operation === 'message' ? messageError(status, error, requestId) : { error };
}
