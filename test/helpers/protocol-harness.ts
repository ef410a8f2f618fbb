import { EventSourceParserStream } from 'eventsource-parser/stream';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { httpError } from '../../src/common/http-error.filter.js';
import type { ProviderKind } from '../../src/deployments/deployment.entity.js';
import { MessageWriter } from '../../src/gateway/protocols/messages-events.js';
import { messageError, messageOf } from '../../src/gateway/protocols/messages-answer.js';
import { chatRequestOf } from '../../src/gateway/protocols/messages-request.js';
import { asksForUsage, type Json, type OpenAiError, type Protocol, tellsUsageOnly } from '../../src/gateway/protocols/protocol.js';
import { protocolOf } from '../../src/gateway/protocols/protocol-of.js';
import { checkRequest } from '../../src/gateway/request-checks.js';
import type { Operation } from '../../src/calls/call-record.js';

const ROUTES: Record<string, Operation> = { '/v1/chat/completions': 'chat', '/v1/completions': 'completion', '/v1/embeddings': 'embedding', '/v1/images/generations': 'image', '/v1/messages': 'message' };

export interface Harness {
  /** Without `/v1`. */
  url: string;
  stop(): Promise<void>;
}

/** The protocols on a socket and nothing else of the gateway, so that the official clients can judge them by themselves. */
export async function startProtocolHarness(kind: ProviderKind, upstreamUrl: string, apiKey: string | null = 'sk-upstream'): Promise<Harness> {
  const server = createServer((request, response) => void serve(protocolOf(kind), upstreamUrl, apiKey, request, response));
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => new Promise((closed) => { server.closeAllConnections(); server.close(() => closed()); }),
  };
}

async function serve(protocol: Protocol, upstreamUrl: string, apiKey: string | null, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const operation = ROUTES[request.url!.split('?')[0]!]!;
  const body = JSON.parse(Buffer.concat(await request.toArray() as Buffer[]).toString()) as Json;
  const left = new AbortController();
  response.once('close', () => { if (!response.writableFinished) left.abort(); });
  const fail = (status: number, error: OpenAiError) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(operation === 'message' ? messageError(status, error, 'req_1') : { error }));
  };
  try {
    await pass(protocol, operation, body, { upstreamUrl, apiKey, signal: left.signal }, response, fail);
  } catch (error) {
    if (left.signal.aborted) return;
    if (response.headersSent) return void response.destroy();
    const { status, body: told } = httpError(error);
    fail(status, told.error);
  }
}

interface Upstream {
  upstreamUrl: string;
  apiKey: string | null;
  signal: AbortSignal;
}

async function pass(protocol: Protocol, operation: Operation, body: Json, upstream: Upstream, response: ServerResponse, fail: (status: number, error: OpenAiError) => void): Promise<void> {
  const { model } = checkRequest(operation, body);
  const translates = operation === 'message' && !protocol.operations.has('message');
  const [asked, sent] = translates ? ['chat' as const, chatRequestOf(body)] : [operation, body];
  const { path, body: own } = protocol.request(asked, sent, model!);
  const answer = await fetch(`${upstream.upstreamUrl}${path}`, {
    method: 'POST', body: JSON.stringify(own), signal: upstream.signal, headers: { 'content-type': 'application/json', ...protocol.headers(upstream.apiKey) },
  });
  if (!answer.ok) {
    const told = protocol.error(await answer.text(), answer.status);
    return told ? fail(told.status, told.error) : fail(502, { message: 'no known shape', type: 'server_error', param: null, code: 'upstream_failed' });
  }
  if (!answer.headers.get('content-type')?.startsWith('text/event-stream')) {
    const text = protocol.answer(asked, await answer.text());
    return void response.writeHead(200, { 'content-type': 'application/json' }).end(translates ? messageOf(text) : text);
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const read = protocol.events(asked, sent);
  const writer = translates ? new MessageWriter('req_1') : null;
  const events = answer.body!.pipeThrough(new TextDecoderStream() as never).pipeThrough(new EventSourceParserStream()) as unknown as AsyncIterable<{ event?: string; data: string }>;
  for await (const event of events) {
    if (!read && !writer) response.write(`${event.event ? `event: ${event.event}\n` : ''}data: ${event.data}\n\n`);
    else for (const payload of read ? read(event) : [event.data]) if (writer || asksForUsage(sent) || !tellsUsageOnly(payload)) response.write(writer ? writer.write(payload) : `data: ${payload}\n\n`);
  }
  response.end();
}
