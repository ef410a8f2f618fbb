import type { ChatCompletion, ChatCompletionMessageFunctionToolCall, ChatCompletionTokenLogprob } from 'openai/resources/chat/completions';
import type { CompletionUsage } from 'openai/resources/completions';
import { instanceOf } from './instance.js';

export const REFUSAL = 'I\'m sorry, I cannot assist with that request.';
export const SYSTEM = { service_tier: 'default', system_fingerprint: 'fp_fake' } as const;
const ID = 'chatcmpl-fake';

/** What a message says: its text parts, one after another. */
export const textOf = (content: unknown): string =>
  (typeof content === 'string' ? content : Array.isArray(content) ? content.map((part) => part.text ?? '').join('') : '');

/** A whole completion, of which a stream tells the pieces. A token is a character. */
export function completionOf(body: any, content: string): ChatCompletion {
  const choices = Array.from({ length: body.n ?? 1 }, (_, index) => choiceOf(body, content, index));
  const completion = choices.reduce((sum, choice) => sum + tokensOf(choice), 0);
  return { id: ID, object: 'chat.completion', created: 1, model: body.model, choices, usage: usageOf(promptTokens(body.messages), completion), ...SYSTEM };
}

export const usageOf = (prompt: number, completion: number): CompletionUsage => ({
  prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
});

/** Ten for a message; a picture has 85, as one of low detail. */
function promptTokens(messages: any[]): number {
  const pictures = messages.flatMap(({ content }) => (Array.isArray(content) ? content : [])).filter((part) => part.type === 'image_url');
  return messages.length * 10 + pictures.length * 85;
}

function tokensOf({ message }: ChatCompletion.Choice): number {
  const calls = (message.tool_calls ?? []) as ChatCompletionMessageFunctionToolCall[];
  return [message.content ?? message.refusal ?? '', ...calls.map((call) => call.function.arguments)].reduce((sum, text) => sum + text.length, 0);
}

function choiceOf(body: any, content: string, index: number): ChatCompletion.Choice {
  if (body.model === 'refuses') return { index, message: { role: 'assistant', content: null, refusal: REFUSAL, annotations: [] }, logprobs: null, finish_reason: 'stop' };
  const calls = callsOf(body, index);
  if (calls.length > 0) return { index, message: { role: 'assistant', content: null, refusal: null, tool_calls: calls, annotations: [] }, logprobs: null, finish_reason: namesOne(body) ? 'stop' : 'tool_calls' };
  const { text, ended } = cut(formatted(body, content, index), body);
  const logprobs = body.logprobs ? { content: [...text].map((token) => logprobOf(token, body.top_logprobs ?? 0)), refusal: null } : null;
  return { index, message: { role: 'assistant', content: text, refusal: null, annotations: [] }, logprobs, finish_reason: ended };
}

const namesOne = ({ tool_choice }: any): boolean => typeof tool_choice === 'object' && tool_choice?.type === 'function';

/** Tools whose names the last message of the user says are called, all at once; a tool that must be called is. */
function callsOf({ tools, tool_choice: choice, parallel_tool_calls, messages }: any, answer: number): ChatCompletionMessageFunctionToolCall[] {
  const last = messages.at(-1);
  const functions = (tools ?? []).flatMap((tool: any) => tool.function ?? []);
  if (choice === 'none' || functions.length === 0 || last.role === 'tool') return [];
  const text = textOf(last.content);
  const meant = functions.filter(({ name }: any) => text.includes(name));
  const chosen = choice?.function ? functions.filter(({ name }: any) => name === choice.function.name)
    : meant.length === 0 && choice === 'required' ? functions.slice(0, 1) : meant;
  return chosen.slice(0, parallel_tool_calls === false ? 1 : undefined).map((tool: any, index: number) => (
    { id: `call_fake${answer}${index}`, type: 'function', function: { name: tool.name, arguments: JSON.stringify(instanceOf(tool.parameters, text)) } }));
}

/** The answer in the shape asked for. */
function formatted({ response_format: format }: any, content: string, index: number): string {
  if (format?.type === 'json_schema') return JSON.stringify(instanceOf(format.json_schema.schema, content));
  if (format?.type === 'json_object') return JSON.stringify({ answer: content });
  return index === 0 ? content : `${content} (${index})`;
}

export function cut(text: string, { stop, max_tokens, max_completion_tokens }: any): { text: string; ended: 'stop' | 'length' } {
  const ends = [stop ?? []].flat().map((each: string) => text.indexOf(each)).filter((at: number) => at >= 0);
  const stopped = ends.length > 0 ? text.slice(0, Math.min(...ends)) : text;
  const most = max_completion_tokens ?? max_tokens ?? Infinity;
  return stopped.length > most ? { text: stopped.slice(0, most), ended: 'length' } : { text: stopped, ended: 'stop' };
}

function logprobOf(token: string, top: number): ChatCompletionTokenLogprob {
  const bytesOf = (each: string) => [...Buffer.from(each)];
  const others = Array.from({ length: top }, (_, rank) => (rank === 0 ? token : String.fromCharCode(97 + rank)));
  return { token, logprob: -0.25, bytes: bytesOf(token), top_logprobs: others.map((each, rank) => ({ token: each, logprob: -0.25 - rank, bytes: bytesOf(each) })) };
}
