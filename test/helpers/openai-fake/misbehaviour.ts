import type { ServerResponse } from 'node:http';
import { Refusal } from './refusal.js';
import { DONE, headersOfOpenAi, refuse } from './wire.js';

/** Names of models that stand for a way to go wrong; the last four go wrong within a stream (`chat-stream.ts`). */
export const MISBEHAVIOURS = [
  'never-answers', 'refuses-key', 'limits-rate', 'limits-rate-once', 'has-no-quota', 'has-a-fault', 'is-overloaded', 'speaks-html', 'is-of-the-future',
  'dies-midway', 'ends-early', 'falls-silent', 'fails-midway',
];

const REFUSALS: Record<string, Refusal> = {
  'refuses-key': new Refusal(401, { message: 'Incorrect API key provided: sk-12*56.', type: 'invalid_request_error', param: null, code: 'invalid_api_key' }),
  'limits-rate': new Refusal(429, { message: 'Rate limit reached.', type: 'requests', param: null, code: 'rate_limit_exceeded' }, { 'retry-after': '7' }),
  'limits-rate-once': new Refusal(429, { message: 'Rate limit reached.', type: 'requests', param: null, code: 'rate_limit_exceeded' }, { 'retry-after': '1', 'retry-after-ms': '5' }),
  'has-no-quota': new Refusal(429, { message: 'You exceeded your current quota, please check your plan and billing details.', type: 'insufficient_quota', param: null, code: 'insufficient_quota' }),
  'has-a-fault': new Refusal(500, { message: 'The server had an error while processing your request. Sorry about that!', type: 'server_error', param: null, code: null }),
  'is-overloaded': new Refusal(503, { message: 'The engine is currently overloaded, please try again later.', type: 'service_unavailable', param: null, code: null }, { 'retry-after': '2' }),
};

/** Fields, spaces, numbers and escapes that no client of today writes, to be passed on as they are. */
export const FUTURE_ANSWER = '{"id":"chatcmpl-f","object":"chat.completion","created":1.0,"model":"is-of-the-future", "thoughts":{"depth":1e2},\n'
  + '  "choices":[ {"index":0,"message":{"role":"assistant","content":"\\u00e9 \u00e9","mood":null},"logprobs":null,"finish_reason":"stop","score":0.10} ],\n'
  + '  "usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"dreams":4}}\n';

/** With a comment, event names, ids, and lines that end in CRLF. */
export const FUTURE_EVENTS = [
  ': a comment\n\n',
  'id: 1\ndata: {"id":"chatcmpl-f","object":"chat.completion.chunk","created":1,"model":"m","thought": {"depth":1.0},"choices":[{"index":0,"delta":{"content":"\\u00e9","mood":1},"finish_reason":null}]}\n\n',
  'data: {"id":"chatcmpl-f","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\r\n\r\n',
  DONE,
];

/** Whether the model's name has decided the answer already. */
export function misbehaves(response: ServerResponse, body: { model: string; stream?: boolean }, already: Set<string>): boolean {
  const { model } = body;
  if (model === 'never-answers') return true;
  if (model === 'limits-rate-once' && already.delete(model)) return false;
  already.add(model);
  const refusal = REFUSALS[model];
  if (refusal) refuse(response, refusal);
  else if (model === 'speaks-html') response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>');
  else if (model === 'is-of-the-future') {
    const type = body.stream ? 'text/event-stream' : 'application/json';
    response.writeHead(200, { ...headersOfOpenAi(), 'content-type': type }).end(body.stream ? FUTURE_EVENTS.join('') : FUTURE_ANSWER);
  } else return false;
  return true;
}
