import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';

/** A request the fake got, and whether its client went away before the answer ended. */
export interface SeenRequest {
  path: string;
  authorization: string | undefined;
  body: any;
  gone: Promise<void>;
}

export interface OpenAiFake {
  /** With `/v1`. */
  url: string;
  seen: SeenRequest[];
  stop(): Promise<void>;
}

export interface FakeOptions {
  /** Entries of /v1/models; a chat with another model is 404. Without it every model is served, as a hosted provider's. */
  served?: { id: string; root?: string; parent?: string | null }[];
  /** Answer to a conversation; by default its last message, reversed. */
  answer?: (messages: { role: string; content: string }[], request: any) => string;
  /** Reward of a conversation for /classify; by default the length of its last message. */
  reward?: (messages: { role: string; content: string }[]) => number;
  /** Awaited before each chat answer. */
  before?: (request: any) => Promise<void>;
}

/**
 * A FAKE of an OpenAI-compatible server, after the published schema of chat completions (and, with `served`, of vLLM's
 * /v1/models, /v1/load_lora_adapter and /classify; like vLLM it has no /v1/load_model). The model's name chooses
 * misbehaviour: `refuses-key`, `limits-rate`, `speaks-html`, `dies-midway`, `ends-early`, `falls-silent`, `never-answers`.
 */
export async function startOpenAiFake(options: FakeOptions = {}): Promise<OpenAiFake> {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    handle(request, response, options, seen).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, seen, stop: () => stop(server) };
}

function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((closed) => server.close(() => closed()));
}

async function handle(request: IncomingMessage, response: ServerResponse, options: FakeOptions, seen: SeenRequest[]): Promise<void> {
  const parts = await request.toArray() as Buffer[];
  const body = parts.length > 0 ? JSON.parse(Buffer.concat(parts).toString()) : null;
  const gone = new Promise<void>((resolve) => response.once('close', () => { if (!response.writableFinished) resolve(); }));
  seen.push({ path: request.url!, authorization: request.headers.authorization, body, gone });
  const { served } = options;
  if (request.url === '/v1/models') return json(response, 200, { object: 'list', data: (served ?? []).map((each) => ({ object: 'model', created: 0, owned_by: 'fake', parent: null, ...each })) });
  if (request.url === '/v1/load_lora_adapter' && served) {
    served.push({ id: body.lora_name, root: body.lora_path, parent: body.base_model_name });
    return void response.writeHead(200).end('Success');
  }
  if (request.url === '/classify') {
    const { messages } = body as { messages: { role: string; content: string }[] };
    const reward = options.reward?.(messages) ?? messages.at(-1)!.content.length;
    return json(response, 200, { id: 'classify-fake', object: 'list', created: 0, model: body.model, data: [{ index: 0, label: 'LABEL_0', probs: [reward], num_classes: 1 }] });
  }
  if (request.url !== '/v1/chat/completions') return void response.writeHead(404, { 'content-type': 'application/json' }).end('{"detail":"Not Found"}');
  if (served && !served.some(({ id }) => id === body.model)) return refuse(response, 404, `The model \`${body.model}\` does not exist.`, 'model_not_found');
  await options.before?.(body);
  return chat(response, body, options.answer?.(body.messages, body) ?? [...body.messages.at(-1).content].reverse().join(''));
}

async function chat(response: ServerResponse, body: any, content: string): Promise<void> {
  const id = 'chatcmpl-fake';
  const usage = { prompt_tokens: body.messages.length * 10, completion_tokens: content.length, total_tokens: body.messages.length * 10 + content.length };
  if (body.model === 'never-answers') return;
  if (body.model === 'refuses-key') return refuse(response, 401, 'Incorrect API key provided: sk-12*56.', 'invalid_api_key');
  if (body.model === 'limits-rate') return refuse(response, 429, 'Rate limit reached.', 'rate_limit_exceeded', { 'retry-after': '7' });
  if (body.model === 'speaks-html') return void response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>');
  if (!body.stream) {
    const choices = [{ index: 0, message: { role: 'assistant', content, refusal: null }, logprobs: null, finish_reason: 'stop' }];
    return json(response, 200, { id, object: 'chat.completion', created: 1, model: body.model, choices, usage });
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const frame = (choices: object[], more: object = {}) => `data: ${JSON.stringify({ id, object: 'chat.completion.chunk', created: 1, model: body.model, choices, ...more })}\n\n`;
  for (const [index, piece] of [...content].entries()) {
    if (index === 2 && body.model === 'ends-early') return void response.end();
    if (index === 2 && body.model === 'falls-silent') return;
    const event = frame([{ index: 0, delta: { content: piece }, finish_reason: null }]);
    if (index === 2 && body.model === 'dies-midway') return void response.write(event.slice(0, 20), () => response.destroy());
    response.write(event);
    await turn();
  }
  response.write(frame([{ index: 0, delta: {}, finish_reason: 'stop' }]));
  if (body.stream_options?.include_usage) response.write(frame([], { usage }));
  response.end('data: [DONE]\n\n');
}

function refuse(response: ServerResponse, status: number, message: string, code: string, headers: Record<string, string> = {}): void {
  json(response, status, { error: { message, type: 'invalid_request_error', param: null, code } }, headers);
}

function json(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}
