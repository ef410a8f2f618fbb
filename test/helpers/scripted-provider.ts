import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * How one request is answered: a status, perhaps with `Retry-After` in seconds; `ok`; `hangs` (nothing comes), `resets` (the
 * connection ends), `no-first-event` (headers of a stream and nothing more), `dies` and `stalls` (after two events), `endless` (an event each
 * few milliseconds), or `waits` until `release` is called.
 */
export type Turn = number | { status: number; retryAfter: string } | 'ok' | 'hangs' | 'resets' | 'no-first-event' | 'dies' | 'stalls' | 'endless' | 'waits';

export interface ScriptedProvider {
  /** With `/v1`. */
  url: string;
  /** Models, in the order in which they were asked. */
  asked: string[];
  /** Of each request, in that order: ends when its client left before the answer was whole. */
  gone: Promise<void>[];
  /** What a model does from now on; the last turn again and again. Without a script it is well. */
  script(model: string, ...turns: Turn[]): void;
  release(): void;
  stop(): Promise<void>;
}

/** A FAKE of a provider of chat completions that fails as it is told. */
export async function startScriptedProvider(): Promise<ScriptedProvider> {
  const scripts = new Map<string, Turn[]>();
  const waiting: (() => void)[] = [];
  const [asked, gone] = [[] as string[], [] as Promise<void>[]];
  const server = createServer((request, response) => void (async () => {
    const body = JSON.parse(Buffer.concat(await request.toArray() as Buffer[]).toString());
    asked.push(body.model);
    gone.push(new Promise((resolve) => response.once('close', () => { if (!response.writableFinished) resolve(); })));
    const script = scripts.get(body.model) ?? ['ok'];
    const turn = script.length > 1 ? script.shift()! : script[0]!;
    if (turn === 'waits') waiting.push(() => answer(response, body));
    else play(turn, response, body);
  })());
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked, gone,
    script: (model, ...turns) => void scripts.set(model, turns),
    release: () => waiting.splice(0).forEach((go) => go()),
    stop: () => {
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}

function play(turn: Exclude<Turn, 'waits'>, response: ServerResponse, body: any): void {
  if (turn === 'hangs') return;
  if (turn === 'resets') return void response.socket!.destroy();
  if (turn === 'ok') return answer(response, body);
  if (turn === 'no-first-event' || turn === 'stalls' || turn === 'dies' || turn === 'endless') return misstream(turn, response, body);
  const { status, retryAfter } = typeof turn === 'number' ? { status: turn, retryAfter: undefined } : turn;
  response.writeHead(status, { 'content-type': 'application/json', ...(retryAfter && { 'retry-after': retryAfter }) })
    .end(JSON.stringify({ error: { message: `scripted ${status}`, type: 'server_error', param: null, code: null } }));
}

const chunk = (body: any, delta: object, reason: string | null, more: object = {}): string =>
  `data: ${JSON.stringify({ id: 'chatcmpl-scripted', object: 'chat.completion.chunk', created: 1, model: body.model, choices: [{ index: 0, delta, finish_reason: reason }], ...more })}\n\n`;

function misstream(turn: 'no-first-event' | 'stalls' | 'dies' | 'endless', response: ServerResponse, body: any): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  if (turn === 'no-first-event') return;
  response.write(chunk(body, { role: 'assistant', content: 'one ' }, null));
  if (turn === 'endless') {
    const more = setInterval(() => response.write(chunk(body, { content: 'more ' }, null)), 20);
    return void response.once('close', () => clearInterval(more));
  }
  response.write(chunk(body, { content: 'two ' }, null), () => { if (turn === 'dies') response.destroy(); });
}

/** Says which model it is. */
function answer(response: ServerResponse, body: any): void {
  const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
  if (!body.stream) {
    const choices = [{ index: 0, message: { role: 'assistant', content: `from ${body.model}`, refusal: null }, logprobs: null, finish_reason: 'stop' }];
    return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id: 'chatcmpl-scripted', object: 'chat.completion', created: 1, model: body.model, choices, usage }));
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const piece of ['from', ` ${body.model}`]) response.write(chunk(body, { role: 'assistant', content: piece }, null));
  response.write(chunk(body, {}, 'stop', { usage }));
  response.end('data: [DONE]\n\n');
}
