import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';

/** A request the fake got, and whether its client went away before the answer ended. */
export interface SeenMessage {
  path: string;
  headers: IncomingMessage['headers'];
  body: any;
  gone: Promise<void>;
}

export interface AnthropicFake {
  /** With `/v1`. */
  url: string;
  seen: SeenMessage[];
  stop(): Promise<void>;
}

/** Fields of the published request; another one is refused, as Anthropic does. */
const FIELDS = new Set([
  'model', 'messages', 'max_tokens', 'system', 'stop_sequences', 'stream', 'temperature', 'top_p', 'top_k', 'tools', 'tool_choice', 'thinking', 'metadata', 'output_config',
  'service_tier', 'container', 'cache_control', 'inference_geo', 'diagnostics', 'speed',
]);
const USAGE = {
  input_tokens: 12, output_tokens: 1, cache_creation_input_tokens: 3, cache_read_input_tokens: 5, cache_creation: { ephemeral_5m_input_tokens: 3, ephemeral_1h_input_tokens: 0 },
  output_tokens_details: { thinking_tokens: 0 }, server_tool_use: null, service_tier: 'standard', inference_geo: null, speed: null,
};

/**
 * A FAKE of Anthropic's Messages API, after its published schema: it checks what it is sent as strictly as the real one in
 * what clients get wrong (required and unknown fields, roles, results of tools that answer no call), and answers whole or
 * as events. By default the answer is the last text, reversed; with `tool_choice` any or tool a call of a tool; with
 * `output_config.format` an object in JSON. The model's name chooses otherwise: `overloaded`, `limits-rate`, `refuses-key`,
 * `errors-midway`, `dies-midway`, `falls-silent`, `never-answers`, `refuses`, `thinks`, `calls-twice`, `speaks-html`.
 */
export async function startAnthropicFake(): Promise<AnthropicFake> {
  const seen: SeenMessage[] = [];
  const server = createServer((request, response) => {
    handle(request, response, seen).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, seen, stop: () => stop(server) };
}

function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((closed) => server.close(() => closed()));
}

async function handle(request: IncomingMessage, response: ServerResponse, seen: SeenMessage[]): Promise<void> {
  const parts = await request.toArray() as Buffer[];
  const body = parts.length > 0 ? JSON.parse(Buffer.concat(parts).toString()) : null;
  const gone = new Promise<void>((resolve) => response.once('close', () => { if (!response.writableFinished) resolve(); }));
  const path = request.url!.split('?')[0]!;
  seen.push({ path, headers: request.headers, body, gone });
  if (!request.headers['x-api-key']) return refuse(response, 401, 'authentication_error', 'x-api-key header is required');
  if (!request.headers['anthropic-version']) return refuse(response, 400, 'invalid_request_error', 'anthropic-version: header is required');
  if (path === '/v1/models') return json(response, 200, { data: [{ type: 'model', id: 'claude-fake-1', display_name: 'Fake', created_at: '2026-01-01T00:00:00Z' }], has_more: false, first_id: null, last_id: null });
  if (path === '/v1/messages/count_tokens') return json(response, 200, { input_tokens: JSON.stringify(body.messages).length });
  if (path !== '/v1/messages') return refuse(response, 404, 'not_found_error', 'Not found');
  const problem = problemOf(body);
  if (problem) return refuse(response, 400, 'invalid_request_error', problem);
  return answer(response, body);
}

/** What is wrong with a request, in Anthropic's words. */
function problemOf(body: any): string | null {
  for (const name of ['model', 'messages', 'max_tokens']) if (body[name] === undefined) return `${name}: Field required`;
  const odd = Object.keys(body).find((name) => !FIELDS.has(name));
  if (odd) return `${odd}: Extra inputs are not permitted`;
  if (body.messages.length === 0) return 'messages: at least one message is required';
  if (body.messages[0].role !== 'user') return 'messages: first message must use the "user" role';
  if (body.temperature > 1) return 'temperature: range: 0..1';
  if (body.thinking?.type === 'enabled' && body.thinking.budget_tokens >= body.max_tokens) return '`max_tokens` must be greater than `thinking.budget_tokens`';
  let calls = new Set<string>();
  for (const [index, { role, content }] of body.messages.entries()) {
    if (!['user', 'assistant', 'system'].includes(role)) return `messages.${index}.role: Input should be 'user' or 'assistant'`;
    const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : content as any[];
    if (blocks.some((block) => block.type === 'text' && !block.text)) return 'messages: text content blocks must be non-empty';
    for (const block of blocks) if (block.type === 'tool_result' && !calls.has(block.tool_use_id)) return `messages.${index}: unexpected tool_use_id found in tool_result blocks: ${block.tool_use_id}`;
    calls = new Set(blocks.filter((block) => block.type === 'tool_use').map((block) => block.id));
  }
  return null;
}

function textIn(content: any): string {
  if (typeof content === 'string') return content;
  return (content as any[]).map((block) => block.text ?? (block.type === 'tool_result' ? textIn(block.content ?? '') : '')).join('');
}

/** The blocks of the answer. */
function blocksOf(body: any): any[] {
  const text = [...textIn(body.messages.at(-1).content)].reverse().join('');
  const call = (tool: any, index: number, input: object) => ({ type: 'tool_use', id: `toolu_${index}`, name: tool.name, input, caller: { type: 'direct' } });
  if (body.model === 'refuses') return [];
  if (body.model === 'calls-twice') return [{ type: 'text', text: 'Both.', citations: null }, call(body.tools[0], 1, { room: 'studio' }), call(body.tools[0], 2, {})];
  if (body.tool_choice?.type === 'any' || body.tool_choice?.type === 'tool') {
    const tool = body.tools.find(({ name }: any) => name === body.tool_choice.name) ?? body.tools[0];
    return [call(tool, 1, { answer: text })];
  }
  const said = body.output_config?.format ? JSON.stringify({ answer: text }) : text;
  const thinking = body.model === 'thinks' ? [{ type: 'thinking', thinking: 'Hm, well.', signature: 'sig+1' }] : [];
  return [...thinking, { type: 'text', text: said, citations: null }];
}

function stopOf(body: any, blocks: any[]): object {
  const refused = body.model === 'refuses';
  const reason = refused ? 'refusal' : blocks.some(({ type }) => type === 'tool_use') ? 'tool_use' : 'end_turn';
  return { stop_reason: reason, stop_sequence: null, stop_details: refused ? { type: 'refusal', category: 'cyber', explanation: 'It would do harm.' } : null, container: null };
}

async function answer(response: ServerResponse, body: any): Promise<void> {
  switch (body.model) {
    case 'never-answers': return;
    case 'refuses-key': return refuse(response, 401, 'authentication_error', 'invalid x-api-key');
    case 'limits-rate': return refuse(response, 429, 'rate_limit_error', 'This request would exceed your rate limit.', { 'retry-after': '7' });
    case 'overloaded': return refuse(response, 529, 'overloaded_error', 'Overloaded');
    case 'too-long': return refuse(response, 400, 'invalid_request_error', 'prompt is too long: 210000 tokens > 200000 maximum');
    case 'speaks-html': return void response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>');
  }
  const blocks = blocksOf(body);
  const output = JSON.stringify(blocks).length;
  const message = { id: 'msg_fake', type: 'message', role: 'assistant', model: body.model, diagnostics: null };
  if (!body.stream) return json(response, 200, { ...message, content: blocks, ...stopOf(body, blocks), usage: { ...USAGE, output_tokens: output } });
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  const send = (event: any) => response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  send({ type: 'message_start', message: { ...message, content: [], container: null, stop_reason: null, stop_sequence: null, stop_details: null, usage: USAGE } });
  send({ type: 'ping' });
  for (const [index, block] of blocks.entries()) if (!await sendBlock(response, send, body.model, index, block)) return;
  send({ type: 'message_delta', delta: stopOf(body, blocks), usage: { output_tokens: output, input_tokens: 12, cache_read_input_tokens: 5, cache_creation_input_tokens: 3, output_tokens_details: null, server_tool_use: null } });
  send({ type: 'message_stop' });
  response.end();
}

/** False when the stream ended within the block. */
async function sendBlock(response: ServerResponse, send: (event: object) => void, model: string, index: number, block: any): Promise<boolean> {
  const delta = (change: object) => send({ type: 'content_block_delta', index, delta: change });
  const empty = block.type === 'text' ? { ...block, text: '' } : block.type === 'thinking' ? { ...block, thinking: '', signature: '' } : { ...block, input: {} };
  send({ type: 'content_block_start', index, content_block: empty });
  const whole = block.text ?? block.thinking ?? (Object.keys(block.input).length === 0 ? '' : JSON.stringify(block.input));
  for (const [at, piece] of [...(whole as string).match(/.{1,3}/gs) ?? []].entries()) {
    if (at === 1 && model === 'falls-silent') return false;
    if (at === 1 && model === 'dies-midway') return response.write('event: content_bl', () => response.destroy()) && false;
    if (at === 1 && model === 'errors-midway') {
      send({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' }, request_id: null });
      response.end();
      return false;
    }
    delta(block.type === 'text' ? { type: 'text_delta', text: piece } : block.type === 'thinking' ? { type: 'thinking_delta', thinking: piece } : { type: 'input_json_delta', partial_json: piece });
    await turn();
  }
  if (block.type === 'thinking') delta({ type: 'signature_delta', signature: block.signature });
  send({ type: 'content_block_stop', index });
  return true;
}

function refuse(response: ServerResponse, status: number, type: string, message: string, headers: Record<string, string> = {}): void {
  json(response, status, { type: 'error', error: { type, message }, request_id: 'req_fake' }, headers);
}

function json(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', 'request-id': 'req_fake', ...headers }).end(JSON.stringify(body));
}
