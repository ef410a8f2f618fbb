import type { ServerResponse } from 'node:http';
import type { ChatCompletion, ChatCompletionChunk, ChatCompletionMessageFunctionToolCall } from 'openai/resources/chat/completions';
import { setImmediate as turn } from 'node:timers/promises';
import { assertPublished } from './check.js';
import { SYSTEM } from './chat.js';
import { DONE, frame, openStream } from './wire.js';

/** Length of the pieces in which a call's arguments come. */
const ARGUMENTS_PIECE = 5;

/** Tells a completion in pieces: for each choice its role, its tokens or its calls of tools, and how it ended. */
export async function streamChat(response: ServerResponse, body: any, whole: ChatCompletion): Promise<void> {
  openStream(response);
  const usage = body.stream_options?.include_usage ? { usage: null } : {};
  let tokens = 0;
  for (const [choice, isToken] of piecesOf(whole)) {
    const event = frame(published({ ...headOf(whole), choices: [choice], ...usage }));
    if (isToken && (tokens += 1) === 3) {
      if (body.model === 'ends-early') return void response.end();
      if (body.model === 'falls-silent') return;
      if (body.model === 'dies-midway') return void response.write(event.slice(0, 20), () => response.destroy());
      if (body.model === 'fails-midway') return void response.end(frame({ error: { message: 'The server had an error while processing your request. Sorry about that!', type: 'server_error', param: null, code: null } }));
    }
    if (response.destroyed) return;
    response.write(event);
    await turn();
  }
  if (body.stream_options?.include_usage) response.write(frame(published({ ...headOf(whole), choices: [], usage: whole.usage ?? null })));
  response.end(DONE);
}

const headOf = ({ id, created, model }: ChatCompletion): Omit<ChatCompletionChunk, 'choices'> => ({ id, object: 'chat.completion.chunk', created, model, ...SYSTEM });

function published(chunk: ChatCompletionChunk): ChatCompletionChunk {
  assertPublished('ChatCompletionChunk', chunk);
  return chunk;
}

function* piecesOf({ choices }: ChatCompletion): Generator<[ChatCompletionChunk.Choice, isToken: boolean]> {
  for (const { index, message, logprobs, finish_reason } of choices) {
    const piece = (delta: ChatCompletionChunk.Choice.Delta, at?: number): ChatCompletionChunk.Choice =>
      ({ index, delta, logprobs: logprobs?.content && at !== undefined ? { content: [logprobs.content[at]!], refusal: null } : null, finish_reason: null });
    yield [piece({ role: 'assistant', content: message.tool_calls ? null : '', refusal: null }), false];
    for (const [at, refusal] of [...message.refusal ?? ''].entries()) yield [piece({ refusal }, at), true];
    for (const [at, content] of [...message.content ?? ''].entries()) yield [piece({ content }, at), true];
    for (const delta of callDeltas((message.tool_calls ?? []) as ChatCompletionMessageFunctionToolCall[])) yield [piece(delta), true];
    yield [{ ...piece({}), finish_reason }, false];
  }
}

/** Name and id of each call first, then its arguments in pieces. */
function* callDeltas(calls: ChatCompletionMessageFunctionToolCall[]): Generator<ChatCompletionChunk.Choice.Delta> {
  for (const [index, { id, type, function: called }] of calls.entries()) {
    yield { tool_calls: [{ index, id, type, function: { name: called.name, arguments: '' } }] };
    for (let at = 0; at < called.arguments.length; at += ARGUMENTS_PIECE) {
      yield { tool_calls: [{ index, function: { arguments: called.arguments.slice(at, at + ARGUMENTS_PIECE) } }] };
    }
  }
}
