import { isObject } from '../../common/is-object.js';
import { type Json, parseObject, textOf } from './protocol.js';

/** A longer answer is not put together: neither log nor cache would keep it. */
const MAX_CHARACTERS = 4_000_000;

/** What of a block grows by a delta of each type. */
const GROWS: Record<string, string> = { text_delta: 'text', thinking_delta: 'thinking', signature_delta: 'signature', input_json_delta: 'partial_json' };

/** Puts the events of Anthropic's streams together to the message that would have come in one piece. */
export class MessageAssembler {
  private message: Json | null = null;
  private readonly blocks: Json[] = [];
  private characters = 0;

  /** Adds whole server-sent events, as they were passed on. */
  addEvents(events: string): void {
    this.characters += events.length;
    if (this.characters > MAX_CHARACTERS) return;
    for (const line of events.split('\n')) if (line.startsWith('data:')) this.add(parseObject(line.slice(5)));
  }

  /** The message as far as it came; null when nothing did, or too much. */
  answer(): Json | null {
    if (!this.message || this.characters > MAX_CHARACTERS) return null;
    return { ...this.message, content: this.blocks.filter(Boolean).map(wholeBlock) };
  }

  private add(event: Json | null): void {
    const index = Number(event?.['index']);
    if (event?.['type'] === 'message_start' && isObject(event['message'])) this.message = { ...event['message'] };
    else if (event?.['type'] === 'content_block_start' && isObject(event['content_block'])) this.blocks[index] = { ...event['content_block'] };
    else if (event?.['type'] === 'content_block_delta' && isObject(event['delta'])) this.grow(this.blocks[index], event['delta']);
    else if (event?.['type'] === 'message_delta') this.end(event);
  }

  private grow(block: Json | undefined, delta: Json): void {
    const name = GROWS[textOf(delta['type'])];
    if (!block || !name) return;
    const grown = name === 'partial_json' ? delta['partial_json'] : delta[name];
    block[name] = textOf(block[name]) + textOf(grown);
  }

  private end({ delta, usage }: Json): void {
    if (!this.message) return;
    if (isObject(delta)) Object.assign(this.message, delta);
    if (isObject(usage)) this.message['usage'] = { ...(isObject(this.message['usage']) && this.message['usage']), ...usage };
  }
}

/** A tool's input comes as pieces of its JSON. */
function wholeBlock({ partial_json: json, ...block }: Json): Json {
  return json === undefined || json === '' ? block : { ...block, input: parseObject(textOf(json)) ?? json };
}
