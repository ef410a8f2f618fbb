import { isObject } from '../../common/is-object.js';
import { anthropicError, finishReason, refusalOf, usageOf } from './anthropic-answer.js';
import { JSON_ANSWER } from './anthropic-tools.js';
import { type Json, parseObject, type ServerEvent, textOf } from './protocol.js';

/** A block of the answer that has begun and not ended. */
interface Block {
  type: string;
  /** Of a tool: its place among the calls; null for the one that stands for a JSON answer. */
  call: number | null;
  /** What a tool's input, or the thinking, holds so far. */
  said: string;
  signature: string;
}

/** Anthropic's stream of events as OpenAI's chunks. */
export class ChunkReader {
  private head: Json = {};
  private usage: Json = {};
  private readonly blocks = new Map<unknown, Block>();
  private calls = 0;
  private answersInJson = false;

  constructor(private readonly includeUsage: boolean) {}

  read({ data }: ServerEvent): string[] {
    const event = parseObject(data);
    switch (event?.['type']) {
      case 'message_start': return this.start(isObject(event['message']) ? event['message'] : {});
      case 'content_block_start': return this.open(event['index'], isObject(event['content_block']) ? event['content_block'] : {});
      case 'content_block_delta': return this.grow(event['index'], isObject(event['delta']) ? event['delta'] : {});
      case 'content_block_stop': return this.close(event['index']);
      case 'message_delta': return this.finish(isObject(event['delta']) ? event['delta'] : {}, event['usage']);
      case 'message_stop': return [JSON.stringify({ ...this.head, choices: [], usage: usageOf(this.usage) }), '[DONE]'];
      case 'error': return [JSON.stringify({ error: (anthropicError(data, null) ?? { error: { message: data.slice(0, 200), type: 'server_error', param: null, code: null } }).error })];
      default: return []; // ping, and what may come to be
    }
  }

  private start(message: Json): string[] {
    this.head = { id: message['id'], object: 'chat.completion.chunk', created: Math.floor(Date.now() / 1000), model: message['model'] };
    this.take(message['usage']);
    return [this.chunk({ role: 'assistant', content: '', refusal: null })];
  }

  private open(index: unknown, block: Json): string[] {
    const type = textOf(block['type']);
    const isCall = type === 'tool_use' && block['name'] !== JSON_ANSWER;
    if (type === 'tool_use' && !isCall) this.answersInJson = true;
    const call = isCall ? this.calls++ : null;
    this.blocks.set(index, { type, call, said: '', signature: '' });
    if (type === 'redacted_thinking') return [this.chunk({ thinking_blocks: [block] })];
    if (type === 'text' && textOf(block['text']) !== '') return [this.chunk({ content: block['text'] })];
    return call === null ? [] : [this.chunk({ tool_calls: [{ index: call, id: block['id'], type: 'function', function: { name: block['name'], arguments: '' } }] })];
  }

  private grow(index: unknown, delta: Json): string[] {
    const block = this.blocks.get(index);
    if (!block) return [];
    switch (delta['type']) {
      case 'text_delta': return [this.chunk({ content: delta['text'] })];
      case 'input_json_delta': return this.growInput(block, textOf(delta['partial_json']));
      case 'thinking_delta':
        block.said += textOf(delta['thinking']);
        return [this.chunk({ reasoning_content: delta['thinking'] })];
      case 'signature_delta':
        block.signature += textOf(delta['signature']);
        return [];
      default: return []; // citations have no place in a chunk
    }
  }

  private growInput(block: Block, piece: string): string[] {
    if (piece === '' || block.type !== 'tool_use') return [];
    block.said += piece;
    return [this.chunk(block.call === null ? { content: piece } : { tool_calls: [{ index: block.call, function: { arguments: piece } }] })];
  }

  /** A tool without input gets the empty object that clients parse; thinking is told once more with what vouches for it. */
  private close(index: unknown): string[] {
    const block = this.blocks.get(index);
    this.blocks.delete(index);
    if (block?.type === 'tool_use' && block.said === '') return this.growInput(block, '{}');
    if (block?.type !== 'thinking') return [];
    return [this.chunk({ thinking_blocks: [{ type: 'thinking', thinking: block.said, signature: block.signature }] })];
  }

  private finish(delta: Json, usage: unknown): string[] {
    this.take(usage);
    const refusal = refusalOf(delta['stop_details']);
    return [this.chunk(refusal === null ? {} : { refusal }, finishReason(delta['stop_reason'], this.answersInJson && this.calls === 0))];
  }

  /** Counts that come later stand for the whole message, and those left out there stay. */
  private take(usage: unknown): void {
    for (const [name, value] of Object.entries(isObject(usage) ? usage : {})) if (value != null) this.usage[name] = value;
  }

  private chunk(delta: Json, finish: string | null = null): string {
    return JSON.stringify({ ...this.head, choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }], ...(this.includeUsage && { usage: null }) });
  }
}
