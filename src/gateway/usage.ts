import { isObject } from '../common/is-object.js';
import type { Operation } from '../calls/call-record.js';
import { NO_USAGE, type Usage } from '../deployments/pricing.js';
import { MAX_TOKENS } from '../limits/buckets.js';
import { type Json, parseObject } from './protocols/protocol.js';

/** More than any route makes at once. */
const MAX_IMAGES = 1_000;
/** Roughly, over languages and tokenizers. */
const CHARACTERS_PER_TOKEN = 4;
const USAGE = '"usage":';

/** A provider says whatever it likes: only counts that can be true are taken. */
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MAX_TOKENS;
const countIn = (holder: unknown, name: string): number => (isObject(holder) && isCount(holder[name]) ? holder[name] : 0);

const guess = (value: unknown): number => Math.min(Math.ceil(JSON.stringify([value]).length / CHARACTERS_PER_TOKEN), MAX_TOKENS);

/**
 * OpenAI's `usage` (of chats, completions and embeddings by their tokens' names, of images and Anthropic's messages by theirs).
 * @returns null when it is not there, or cannot be true
 */
export function readUsage(usage: unknown): Omit<Usage, 'images'> | null {
  if (!isObject(usage)) return null;
  const { prompt_tokens: prompt, input_tokens: input } = usage;
  if (prompt === undefined && input !== undefined) return readInputUsage(usage);
  const completion = usage['completion_tokens'] ?? 0;
  if (!isCount(prompt) || !isCount(completion)) return null;
  const details = usage['prompt_tokens_details'];
  return { promptTokens: prompt, completionTokens: completion, cachedTokens: Math.min(countIn(details, 'cached_tokens'), prompt), cacheWriteTokens: countIn(details, 'cache_write_tokens') };
}

/** Anthropic counts what it read from its cache, and wrote there, beside the other input. */
function readInputUsage(usage: Json): Omit<Usage, 'images'> | null {
  const [input, output] = [usage['input_tokens'], usage['output_tokens'] ?? 0];
  if (!isCount(input) || !isCount(output)) return null;
  const [cachedTokens, cacheWriteTokens] = [countIn(usage, 'cache_read_input_tokens'), countIn(usage, 'cache_creation_input_tokens')];
  return { promptTokens: Math.min(input + cachedTokens + cacheWriteTokens, MAX_TOKENS), completionTokens: output, cachedTokens, cacheWriteTokens };
}

/**
 * What a whole answer used, as it says itself; without that a guess from its length.
 * @param answer in the shape of the operation's route
 * @param request as it was sent on
 */
export function usageOf(operation: Operation, answer: string, request: Json): Usage {
  const body = parseObject(answer);
  const told = readUsage(body?.['usage']);
  const images = operation === 'image' && Array.isArray(body?.['data']) ? Math.min(body['data'].length, MAX_IMAGES) : 0;
  if (told) return { ...told, images };
  if (operation === 'image') return { ...NO_USAGE, images };
  return { ...NO_USAGE, promptTokens: guess(promptOf(request)), completionTokens: operation === 'embedding' ? 0 : Math.min(Math.ceil(answer.length / CHARACTERS_PER_TOKEN), MAX_TOKENS) };
}

const promptOf = ({ system, messages, prompt, input }: Json): unknown => [system, messages, prompt, input];

/**
 * Counts a stream as it passes: by the `usage` that it tells, else an event is about a token. Anthropic's streams tell their
 * input first and their output last; what is told later stands, and what is left out there stays.
 */
export class StreamUsage {
  private events = 0;
  private told: Json | null = null;

  constructor(private readonly request: Json) {}

  /** @param events whole server-sent events. @param count how many they are */
  see(events: string, count: number): void {
    this.events += count;
    if (!events.includes(USAGE)) return;
    for (const line of events.split('\n')) if (line.includes(USAGE)) this.take(parseObject(line.replace(/^data:\s*/, '')));
  }

  /** @param whole whether the stream came to its end; before that, what it told of its output may be less than there was */
  usage(whole: boolean): Usage {
    const told = readUsage(this.told);
    if (told) return { ...told, images: 0, completionTokens: whole ? told.completionTokens : Math.min(Math.max(told.completionTokens, this.events), MAX_TOKENS) };
    return { ...NO_USAGE, promptTokens: this.events > 0 ? guess(promptOf(this.request)) : 0, completionTokens: Math.min(this.events, MAX_TOKENS) };
  }

  private take(event: Json | null): void {
    const usage = event?.['usage'] ?? (isObject(event?.['message']) ? event['message']['usage'] : null);
    if (!isObject(usage)) return;
    const next = Object.fromEntries(Object.entries(usage).filter(([, value]) => value != null));
    const merged = { ...this.told, ...next };
    if (readUsage(merged)) this.told = merged;
  }
}
