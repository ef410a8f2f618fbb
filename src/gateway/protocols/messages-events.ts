import { isObject } from '../../common/is-object.js';
import { messageError, messageHead, messageUsage, stopDetails, stopReason } from './messages-answer.js';
import { type Json, type OpenAiError, parseObject, textOf } from './protocol.js';

const frame = (event: Json): string => `event: ${textOf(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`;
const NOTHING_YET = messageUsage(null);

/** OpenAI's chunks as Anthropic's stream of events. */
export class MessageWriter {
  private begun = false;
  /** The block that is being written; blocks follow one another. */
  private open: { index: number; call: number | null } | null = null;
  private blocks = 0;
  private called = false;
  private reason = 'end_turn';
  private refusal = '';
  private usage: unknown = null;

  constructor(private readonly requestId: string) {}

  /**
   * @param payload a `data:` of OpenAI's stream, `[DONE]` included
   * @returns server-sent events, ready to be written; after an error or `[DONE]` none should follow
   */
  write(payload: string): string {
    if (payload === '[DONE]') return this.end();
    const chunk = parseObject(payload);
    if (!chunk) return '';
    if (isObject(chunk['error'])) return this.fail(chunk['error'] as unknown as OpenAiError);
    if (chunk['usage'] != null) this.usage = chunk['usage'];
    const [choice] = Array.isArray(chunk['choices']) ? chunk['choices'] as Json[] : [];
    const begin = this.begun ? '' : this.begin(chunk);
    if (!isObject(choice)) return begin;
    if (choice['finish_reason'] != null) this.reason = stopReason(choice['finish_reason']);
    return begin + this.grow(isObject(choice['delta']) ? choice['delta'] : {});
  }

  /** @param error whose status is not known: the answer has begun */
  fail(error: OpenAiError): string {
    const status = error.code === 'rate_limit_exceeded' ? 429 : error.code === 'overloaded' ? 529 : error.type === 'invalid_request_error' ? 400 : 500;
    return frame(messageError(status, { message: textOf(error.message) }, this.requestId));
  }

  private begin(chunk: Json): string {
    this.begun = true;
    const message = { ...messageHead(chunk['id'], chunk['model']), content: [], stop_reason: null, stop_details: null, usage: NOTHING_YET };
    return frame({ type: 'message_start', message });
  }

  private grow({ content, refusal, tool_calls }: Json): string {
    this.refusal += textOf(refusal);
    const words = textOf(content) + textOf(refusal);
    let events = words === '' ? '' : this.inBlock(null, { type: 'text', text: '', citations: null }) + this.delta({ type: 'text_delta', text: words });
    for (const call of Array.isArray(tool_calls) ? tool_calls as unknown[] : []) if (isObject(call)) events += this.growCall(call);
    return events;
  }

  private growCall({ index, id, function: called }: Json): string {
    const { name, arguments: piece } = isObject(called) ? called : {};
    this.called = true;
    // Some servers leave out the index and give each call whole.
    const call = typeof index === 'number' ? index : this.blocks;
    const began = this.inBlock(call, { type: 'tool_use', id, name, input: {} });
    return textOf(piece) === '' ? began : began + this.delta({ type: 'input_json_delta', partial_json: piece });
  }

  /** Begins a block where another one, or none, is open. */
  private inBlock(call: number | null, block: Json): string {
    if (this.open?.call === call) return '';
    const ended = this.stop();
    this.open = { index: this.blocks, call };
    this.blocks += 1;
    return ended + frame({ type: 'content_block_start', index: this.open.index, content_block: block });
  }

  private delta(delta: Json): string {
    return frame({ type: 'content_block_delta', index: this.open!.index, delta });
  }

  private stop(): string {
    const { open } = this;
    this.open = null;
    return open ? frame({ type: 'content_block_stop', index: open.index }) : '';
  }

  private end(): string {
    const begin = this.begun ? '' : this.begin({});
    const reason = this.refusal !== '' ? 'refusal' : this.called && this.reason === 'end_turn' ? 'tool_use' : this.reason;
    const delta = { stop_reason: reason, stop_sequence: null, container: null, ...stopDetails(reason, this.refusal || null) };
    return begin + this.stop() + frame({ type: 'message_delta', delta, usage: messageUsage(this.usage) }) + frame({ type: 'message_stop' });
  }
}
