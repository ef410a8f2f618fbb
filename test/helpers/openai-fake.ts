import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { textOf } from './openai-fake/chat.js';
import { PIXEL } from './openai-fake/images.js';
import { misbehaves, MISBEHAVIOURS } from './openai-fake/misbehaviour.js';
import { invalid, Refusal } from './openai-fake/refusal.js';
import { faultOf, ROUTES, understood } from './openai-fake/routes.js';
import { json, refuse } from './openai-fake/wire.js';

/** A request the fake got, and whether its client went away before the answer ended. */
export interface SeenRequest {
  path: string;
  authorization: string | undefined;
  headers: IncomingHttpHeaders;
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
  /** As strict as OpenAI itself: the key, the organisation, each field, and the models it has. */
  strict?: { key: string };
  /** Entries of /v1/models; a chat with another model is 404. Without it every model is served, as a hosted provider's. */
  served?: { id: string; root?: string; parent?: string | null }[];
  /** Answer to a conversation; by default its last message, reversed. */
  answer?: (messages: { role: string; content: string }[], request: any) => string;
  /** Reward of a conversation for /classify; by default the length of its last message. */
  reward?: (messages: { role: string; content: string }[]) => number;
  /** Awaited before each chat answer. */
  before?: (request: any) => Promise<void>;
}

/** What a strict fake has. */
export const MODELS = ['gpt-x', 'gpt-y', 'refuses', 'gpt-3.5-turbo-instruct', 'text-embedding-3-small', 'dall-e-2', 'dall-e-3', 'gpt-image-1'];

/**
 * A FAKE of OpenAI: chat, completions, embeddings, images and models, whole and streamed, each answer checked against the
 * types of the official client. Lenient it is any server that speaks so (with `served` a vLLM, with /v1/load_lora_adapter
 * and /classify, and like it without /v1/load_model); `strict` it refuses what OpenAI would, in its words. It is
 * deterministic: the same request gets the same bytes. Some names of models choose misbehaviour (`openai-fake/misbehaviour.ts`).
 */
export async function startOpenAiFake(options: FakeOptions = {}): Promise<OpenAiFake> {
  const seen: SeenRequest[] = [];
  const misbehaved = new Set<string>();
  const server = createServer((request, response) => {
    handle(request, response, options, seen, misbehaved).catch((error: unknown) => {
      if (error instanceof Refusal) refuse(response, error);
      else response.destroy(error as Error);
    });
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, seen, stop: () => stop(server) };
}

function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((closed) => server.close(() => closed()));
}

async function handle(request: IncomingMessage, response: ServerResponse, options: FakeOptions, seen: SeenRequest[], misbehaved: Set<string>): Promise<void> {
  const text = Buffer.concat(await request.toArray() as Buffer[]).toString();
  const gone = new Promise<void>((resolve) => response.once('close', () => { if (!response.writableFinished) resolve(); }));
  const { pathname } = new URL(request.url!, 'http://fake');
  if (pathname === '/files/pixel.png') return void response.writeHead(200, { 'content-type': 'image/png' }).end(Buffer.from(PIXEL, 'base64'));
  if (options.strict) authenticate(request.headers, options.strict.key);
  const body = parse(text);
  seen.push({ path: request.url!, authorization: request.headers.authorization, headers: request.headers, body, gone });
  const { served } = options;
  if (request.method === 'GET' && pathname.startsWith('/v1/models')) return models(response, decodeURIComponent(pathname.slice('/v1/models'.length)), options);
  if (!options.strict && vllm(pathname, response, body, options)) return;
  const route = request.method === 'POST' ? ROUTES[pathname] : undefined;
  if (!route && !options.strict) return json(response, 404, { detail: 'Not Found' });
  if (!route) throw new Refusal(404, { message: `Invalid URL (${request.method!} ${request.url!})`, type: 'invalid_request_error', param: null, code: null });
  const wrong = options.strict ? faultOf(route, body) : null;
  if (wrong) throw wrong;
  const known = served ? served.some(({ id }) => id === body.model) : !options.strict || [...MODELS, ...MISBEHAVIOURS].includes(body.model ?? 'dall-e-2');
  if (!known) throw new Refusal(404, { message: `The model \`${body.model}\` does not exist or you do not have access to it.`, type: 'invalid_request_error', param: null, code: 'model_not_found' });
  if (route.request.startsWith('Chat')) await options.before?.(body);
  if (misbehaves(response, body, misbehaved)) return;
  const answer = route.request.startsWith('Chat') ? options.answer?.(body.messages, body) ?? [...textOf(body.messages.at(-1).content)].reverse().join('') : '';
  await route.answer(response, understood(route, body), answer);
}

function parse(text: string): any {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    throw invalid('We could not parse the JSON body of your request. (HINT: This likely means you aren\'t using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you have trouble figuring out how to fix this, please contact us through our help center at help.openai.com.)');
  }
}

/** @throws Refusal as OpenAI's of a missing or wrong key, or of an organisation that the key is not of. */
function authenticate({ authorization, 'openai-organization': organization }: IncomingHttpHeaders, key: string): void {
  const unauthorised = (message: string, code: string | null) => new Refusal(401, { message, type: 'invalid_request_error', param: null, code });
  const given = authorization?.match(/^Bearer (.+)$/)?.[1];
  if (given === undefined) {
    throw unauthorised('You didn\'t provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you\'re accessing the API from your browser and are prompted for a username and password. You can obtain an API key from https://platform.openai.com/account/api-keys.', null);
  }
  if (given !== key) throw unauthorised(`Incorrect API key provided: ${given.slice(0, 8)}***. You can find your API key at https://platform.openai.com/account/api-keys.`, 'invalid_api_key');
  if (organization !== undefined && organization !== 'org-fake') throw unauthorised(`No such organization: ${String(organization)}.`, 'invalid_organization');
}

function models(response: ServerResponse, id: string, { strict, served = strict ? MODELS.map((each) => ({ id: each })) : [] }: FakeOptions): void {
  const all = served.map((each) => ({ object: 'model', created: 0, owned_by: 'fake', ...(!strict && { parent: null }), ...each }));
  if (id === '') return json(response, 200, { object: 'list', data: all });
  const one = all.find((each) => `/${each.id}` === id);
  if (!one) throw new Refusal(404, { message: `The model '${id.slice(1)}' does not exist`, type: 'invalid_request_error', param: 'model', code: 'model_not_found' });
  return json(response, 200, one);
}

/** What vLLM has beside OpenAI's routes. */
function vllm(path: string, response: ServerResponse, body: any, { served, reward }: FakeOptions): boolean {
  if (path === '/v1/load_lora_adapter' && served) {
    served.push({ id: body.lora_name, root: body.lora_path, parent: body.base_model_name });
    response.writeHead(200).end('Success');
    return true;
  }
  if (path !== '/classify') return false;
  const probs = [reward?.(body.messages) ?? body.messages.at(-1).content.length];
  json(response, 200, { id: 'classify-fake', object: 'list', created: 0, model: body.model, data: [{ index: 0, label: 'LABEL_0', probs, num_classes: 1 }] });
  return true;
}
