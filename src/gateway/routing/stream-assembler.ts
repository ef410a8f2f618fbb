import { isObject } from '../../common/is-object.js';

/** A longer answer is not put together: neither log nor cache would keep it. */
const MAX_CHARACTERS = 4_000_000;

export type StreamedOperation = 'chat' | 'completion';

type Fields = Record<string, unknown>;

/** What distinguishes a choice within a stream from one within a whole answer. */
interface Choice {
  index: number;
  /** chat: the message; completion: nothing. */
  message: Fields;
  text: string;
  logprobs: Fields | null;
  rest: Fields;
}

/**
 * Puts the chunks of OpenAI's streams together to the answer that would have come in one piece. Fields that it does not
 * know are kept: texts and lists of a delta go on, anything else is as it was told last.
 */
export class StreamAssembler {
  private readonly choices = new Map<number, Choice>();
  private head: Fields | null = null;
  private usage: Fields | null = null;
  private characters = 0;

  constructor(private readonly operation: StreamedOperation) {}

  /** @param data the payload of one server-sent event; `[DONE]` and what is no JSON object are passed over */
  add(data: string): void {
    this.characters += data.length;
    if (this.isTooLong || data.trimStart()[0] !== '{') return;
    let chunk: Fields;
    try {
      chunk = JSON.parse(data) as Fields;
    } catch {
      return;
    }
    this.addChunk(chunk);
  }

  /** Adds whole server-sent events, as they were passed on. */
  addEvents(events: string): void {
    for (const line of events.split('\n')) if (line.startsWith('data:')) this.add(line.slice(5).trim());
  }

  /** More came than is worth keeping; there will be no answer. */
  get isTooLong(): boolean {
    return this.characters > MAX_CHARACTERS;
  }

  /** The answer as far as it came; null when nothing did, or too much. */
  answer(): Fields | null {
    if (!this.head || this.isTooLong) return null;
    const choices = [...this.choices.values()].sort((a, b) => a.index - b.index).map((choice) => this.whole(choice));
    return { ...this.head, object: this.operation === 'chat' ? 'chat.completion' : 'text_completion', choices, ...(this.usage && { usage: this.usage }) };
  }

  private addChunk({ choices, usage, object: _, ...head }: Fields): void {
    if (head['error'] !== undefined) return;
    this.head = { ...this.head, ...head };
    if (isObject(usage)) this.usage = usage;
    if (Array.isArray(choices)) for (const choice of choices) if (isObject(choice)) this.addChoice(choice);
  }

  private addChoice({ index, delta, text, logprobs, finish_reason: reason, ...rest }: Fields): void {
    const at = typeof index === 'number' ? index : 0;
    let choice = this.choices.get(at);
    if (!choice) this.choices.set(at, choice = { index: at, message: {}, text: '', logprobs: null, rest: { finish_reason: null } });
    Object.assign(choice.rest, rest);
    if (reason != null) choice.rest['finish_reason'] = reason;
    if (typeof text === 'string') choice.text += text;
    if (isObject(delta)) merge(choice.message, delta);
    if (isObject(logprobs)) merge(choice.logprobs ??= {}, logprobs);
  }

  private whole({ index, message, text, logprobs, rest }: Choice): Fields {
    if (this.operation === 'completion') return { index, text, logprobs, ...rest };
    return { index, message: { role: 'assistant', content: null, refusal: null, ...message, ...toolCalls(message) }, logprobs, ...rest };
  }
}

/** Told once and not in pieces, though they are texts. */
const SAID_ONCE = new Set(['role', 'id', 'type', 'name']);

function merge(into: Fields, delta: Fields): void {
  for (const [name, value] of Object.entries(delta)) {
    const before = Object.hasOwn(into, name) ? into[name] : undefined;
    if (name === '__proto__' || (value === null && before !== undefined)) continue;
    if (Array.isArray(value)) into[name] = isIndexed(value) ? mergeIndexed(before, value) : [...(Array.isArray(before) ? before as unknown[] : []), ...(value as unknown[])];
    else if (isObject(value)) merge((into[name] = isObject(before) ? before : {}), value);
    else if (typeof value === 'string' && typeof before === 'string' && !SAID_ONCE.has(name)) into[name] = before + value;
    else if (!(SAID_ONCE.has(name) && value === '' && before !== undefined)) into[name] = value;
  }
}

/** Pieces of tool calls say by `index` which call they belong to. */
const isIndexed = (list: unknown[]): list is (Fields & { index: number })[] => list.length > 0 && list.every((each) => isObject(each) && typeof each['index'] === 'number');

function mergeIndexed(before: unknown, pieces: (Fields & { index: number })[]): Fields[] {
  const list = (Array.isArray(before) ? before : []) as Fields[];
  for (const piece of pieces) {
    let found = list.find((each) => each['index'] === piece.index);
    if (!found) list.push(found = {});
    merge(found, piece);
  }
  return list;
}

/** A whole answer's tool calls have no `index`; their order says it. */
function toolCalls({ tool_calls: calls }: Fields): Fields {
  if (!Array.isArray(calls)) return {};
  const ordered = [...calls as Fields[]].sort((a, b) => Number(a['index'] ?? 0) - Number(b['index'] ?? 0));
  return { tool_calls: ordered.map(({ index: _, ...call }) => call) };
}
