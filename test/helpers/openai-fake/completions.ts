import type { ServerResponse } from 'node:http';
import type { Completion, CompletionChoice } from 'openai/resources/completions';
import { cut, usageOf } from './chat.js';
import { invalid, type Refusal } from './refusal.js';
import { DONE, frame, openStream, sendEvents } from './wire.js';

export function completionsFault({ best_of, n, stream, stream_options }: any): Refusal | null {
  if (stream_options && !stream) return invalid('The \'stream_options\' parameter is only allowed when \'stream\' is enabled.', 'stream_options');
  if (best_of != null && best_of < (n ?? 1)) return invalid(`You requested that the server return more choices than it will generate (HINT: You must set 'n' (currently ${n ?? 1}) to be at most 'best_of' (currently ${best_of}), or omit either parameter if you don't specifically want to use them.)`, 'best_of');
  return null;
}

/** A legacy completion: each prompt reversed, n times. A prompt of tokens is one of character codes. */
export function textCompletionOf(body: any): Completion {
  const prompts = promptsOf(body.prompt);
  const n = body.n ?? 1;
  const choices = prompts.flatMap((prompt, at) => Array.from({ length: n }, (_, each) => choiceOf(body, prompt, at * n + each)));
  const tokens = choices.reduce((sum, choice) => sum + choice.text.length, 0) - (body.echo ? n * prompts.join('').length : 0);
  return { id: 'cmpl-fake', object: 'text_completion', created: 1, model: body.model, choices, usage: usageOf(prompts.join('').length, tokens) };
}

function promptsOf(prompt: string | string[] | number[] | number[][] | null): string[] {
  if (prompt === null) return ['<|endoftext|>'];
  if (typeof prompt === 'string') return [prompt];
  if (typeof prompt[0] === 'number') return [String.fromCharCode(...prompt as number[])];
  return (prompt as (string | number[])[]).map((each) => (typeof each === 'string' ? each : String.fromCharCode(...each)));
}

function choiceOf(body: any, prompt: string, index: number): CompletionChoice {
  const { text, ended } = cut([...prompt].reverse().join(''), { ...body, max_tokens: body.max_tokens ?? 16 });
  const whole = body.echo ? prompt + text : text;
  const tokens = [...whole];
  const logprobs = body.logprobs == null ? null
    : { tokens, token_logprobs: tokens.map(() => -0.5), top_logprobs: tokens.map((token) => ({ [token]: -0.5 })), text_offset: tokens.map((_, at) => at) };
  return { index, text: whole, logprobs, finish_reason: ended };
}

export async function streamCompletion(response: ServerResponse, body: any, whole: Completion): Promise<void> {
  openStream(response);
  const includesUsage = Boolean(body.stream_options?.include_usage);
  const { choices, usage, ...head } = whole;
  // As OpenAI does, and against the published type, a piece's finish_reason is null, and its usage too.
  const chunk = (some: object[], used?: unknown) => frame({ ...head, choices: some, ...(includesUsage && { usage: used ?? null }) });
  await sendEvents(response, choices.flatMap(({ index, text, finish_reason }) => [
    ...[...text].map((token) => chunk([{ text: token, index, logprobs: null, finish_reason: null }])),
    chunk([{ text: '', index, logprobs: null, finish_reason }]),
  ]));
  response.end((includesUsage ? chunk([], usage) : '') + DONE);
}
