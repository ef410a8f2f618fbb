import { bounded, MAX_TOKENS } from '../limits/buckets.js';
import type { Target } from '../deployments/target.service.js';

export interface Tokens {
  promptTokens: number;
  completionTokens: number;
}

export const NO_TOKENS: Tokens = { promptTokens: 0, completionTokens: 0 };

/** Roughly, over languages and tokenizers. */
const CHARACTERS_PER_TOKEN = 4;
/** Reserved for an answer whose length the request does not bound. */
const ANSWER_TOKENS = 256;
const USAGE = '"usage":';

const textTokens = (value: unknown): number => Math.ceil(JSON.stringify([value]).length / CHARACTERS_PER_TOKEN);

/**
 * About how many tokens a request will use: its prompt, and the longest answers it allows. Its body is not checked yet.
 * @param bytes of the body, when that is known: what stands beside the prompt is little
 */
export function estimateTokens(body: unknown, bytes?: number): number {
  const { messages, prompt, max_completion_tokens, max_tokens, n } = (body ?? {}) as Record<string, unknown>;
  const count = (value: unknown, otherwise: number) => (typeof value === 'number' && value > 0 ? Math.min(Math.ceil(value), MAX_TOKENS) : otherwise);
  return bounded((bytes ? bytes / CHARACTERS_PER_TOKEN : textTokens([messages, prompt])) + count(n, 1) * count(max_completion_tokens, count(max_tokens, ANSWER_TOKENS)), MAX_TOKENS);
}

/** What a whole answer says it used; without that, a guess from its length. */
export function tokensOf(answer: string, messages: unknown): Tokens {
  return readUsage(answer) ?? { promptTokens: textTokens(messages), completionTokens: Math.ceil(answer.length / CHARACTERS_PER_TOKEN) };
}

/** Counts a stream: by its `usage` when it tells it (`stream_options.include_usage`), else an event is about a token. */
export class StreamTokens {
  private events = 0;
  private told: Tokens | null = null;

  constructor(private readonly messages: unknown) {}

  /** @param events whole server-sent events */
  see(events: string, count: number): void {
    this.events += count;
    if (!events.includes(USAGE)) return;
    for (const line of events.split('\n')) {
      if (line.includes(USAGE)) this.told = readUsage(line.replace(/^data:\s*/, '')) ?? this.told;
    }
  }

  get tokens(): Tokens {
    return this.told ?? { promptTokens: this.events > 0 ? textTokens(this.messages) : 0, completionTokens: this.events };
  }
}

/** Only counts that can be true: a provider says whatever it likes. */
function readUsage(json: string): Tokens | null {
  try {
    const { usage } = JSON.parse(json) as { usage?: Record<string, unknown> | null };
    const [promptTokens, completionTokens] = [usage?.['prompt_tokens'], usage?.['completion_tokens'] ?? 0];
    return isCount(promptTokens) && isCount(completionTokens) ? { promptTokens, completionTokens } : null;
  } catch {
    return null;
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MAX_TOKENS;

/**
 * Money for a call: a provider's price per token; of an own runtime the time that the call took.
 * @param pricePerHour of this machine
 */
export function costOf(target: Target, { promptTokens, completionTokens }: Tokens, seconds: number, pricePerHour: number): number {
  if (target.kind === 'registry') return (seconds / 3600) * pricePerHour;
  const { prices } = target.provider;
  const price = prices.find(({ model }) => model === target.model) ?? prices.find(({ model }) => model === '*');
  return price ? (promptTokens * price.input + completionTokens * price.output) / 1_000_000 : 0;
}
