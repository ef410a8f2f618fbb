import { readFileSync } from 'node:fs';
import { free, fresh, own as callers, type Place, reference } from './tenant-place.js';
import { signed, type World } from './tenant-world.js';

/**
 * What a caller may put where in the REST routes, as PLACES says it for GraphQL: a line per route of openapi.json, and
 * in it one per parameter (`path.id`, `query.after`, `header.range`) and property of the body (`body.prompt.ref`,
 * `body.messages[].role`). test/faults/tenants-rest.spec.ts fails for one that is missing. `header.idempotency-key` needs
 * none: it has a test of its own.
 */
type Places = Record<string, Place | Place[]>;

const file = { 'path.id': reference((w) => w.looseFileId) };
const used = { 'path.id': [reference((w) => w.fileId), reference((w) => w.looseFileId)] };
const called = [
  reference((w) => w.deployment), reference((w) => `${w.base}/1`), reference((w) => `${w.base}@champion`), reference((w) => w.tuned),
  reference((w) => `${w.provider}/${w.marker}-base`),
];
const rendering = { 'body.prompt.variables': free({ sentence: 'on' }), 'body.prompt': free() };
/** A registered prompt: by reference, or by name. */
const prompted: Places = {
  'body.prompt.ref': [reference((w) => w.prompt, rendering), reference((w) => `${w.prompt}/1`, rendering)],
  'body.prompt.name': reference((w) => `${w.marker}-prompt`, rendering),
  ...open('body.prompt.', ['label', 'version', 'variables']),
};
const conversation: Places = { 'body.model': called, 'body.messages[].role': free('user'), 'body.messages[].content': free('hi'), 'body.messages[].content[]': free(), ...prompted };
const SAMPLING = ['stream', 'max_tokens', 'temperature', 'top_p', 'n', 'seed', 'stop', 'stop[]', 'frequency_penalty', 'presence_penalty', 'logit_bias', 'stream_options', 'user'];

/** Of all routes that ask a model; a key is of its project whatever `x-triad-project` says (test/integration/oidc.spec.ts has people). */
const ASKING: Places = open('header.', ['x-triad-sticky-key', 'x-triad-cache-control', 'x-triad-project']);

/** Places that can name nothing, and are left out. */
function open(before: string, names: string[]): Places {
  return Object.fromEntries(names.map((name) => [before + name, free()]));
}

export const ROUTES: Record<string, Places> = {
  'GET /health/live': {},
  'GET /health/ready': {},
  'POST /v1/feedback': {
    'body.call_id': reference((w) => w.callId),
    'body.request_id': reference((w) => w.callRequestId, { 'body.call_id': free() }),
    'body.preferred_over_call_id': reference((w) => w.otherCallId, { 'body.call_id': callers((w) => w.callId) }),
    'body.score': free(),
    'body.thumb': free(true),
    ...Object.fromEntries(['comment', 'corrected_answer', 'preferred_over_answer', 'metadata'].map((name) => [`body.${name}`, free()])),
  },
  'GET /v1/calls/export': {
    ...Object.fromEntries(['operation', 'status', 'failed', 'error_code', 'cached', 'streamed', 'min_latency_ms', 'max_latency_ms', 'min_cost', 'max_cost', 'min_tokens', 'max_tokens', 'has_feedback', 'thumb', 'min_score',
      'max_score', 'since', 'until'].map((name) => [`query.${name}`, free()])),
    'query.model': reference((w) => w.deployment),
    'query.target': reference((w) => `${w.base}/1`),
    'query.deployment_id': reference((w) => w.deploymentId),
    'query.provider_id': reference((w) => w.providerId),
    'query.model_version_id': reference((w) => w.baseId),
    'query.prompt_version_id': reference((w) => w.promptVersionId),
    'query.experiment_id': reference((w) => `exp_${w.marker}`),
    'query.arm': reference((w) => `${w.marker}-arm`),
    'query.principal': reference((w) => `key:${w.keyId}`),
    'query.request_id': reference((w) => w.callRequestId),
    'query.sticky_key': reference((w) => `${w.marker}-user`),
    'query.metadata': reference((w) => `of=${w.marker}`),
    'query.text': reference((w) => w.marker),
  },
  'GET /v1/files': { 'query.after': reference((w) => w.fileId), 'query.purpose': free(), 'query.limit': free(), 'query.order': free('desc') },
  'POST /v1/files': { 'body.file': free('{"a":1}\n'), 'body.purpose': free('user_data') },
  'GET /v1/files/{id}': used,
  'GET /v1/files/{id}/content': { ...used, 'header.range': free('bytes=0-3') },
  'DELETE /v1/files/{id}': file,
  'POST /v1/hooks/{provider}/{id}': {
    'path.provider': free('standard'),
    'path.id': reference((w) => w.inboundId),
    'header.webhook-id': free('msg_tenants'),
    'header.webhook-timestamp': callers((w) => signed(w.inboundSecret, 'msg_tenants')['webhook-timestamp']),
    'header.webhook-signature': callers((w) => signed(w.inboundSecret, 'msg_tenants')['webhook-signature']),
    body: free({}),
  },
  'GET /v1/models': {},
  'GET /v1/models/{path}': { 'path.path': called },
  'GET /v1/prompts': {
    'query.after': free(), 'query.limit': free(), 'query.folder': reference((w) => w.marker), 'query.label': free(), 'query.tag': free(), 'query.search': reference((w) => w.marker), 'query.archived': free(),
  },
  'POST /v1/prompts': {
    'body.name': fresh((w) => w.sparePrompt), 'body.type': free('text'), 'body.prompt': free('hi'), 'body.prompt[].role': free(), 'body.prompt[].content': free(),
    'body.config': free({}), 'body.labels[]': free('production'), 'body.tags[]': free('t'), 'body.commitMessage': free(),
  },
  'GET /v1/prompts/{path}': { 'path.path': reference((w) => `${w.marker}-prompt`), 'query.label': free(), 'query.version': free() },
  'POST /v1/chat/completions': {
    ...ASKING, ...conversation,
    ...open('body.', [...SAMPLING, 'max_completion_tokens', 'logprobs', 'top_logprobs', 'tools[]', 'tool_choice', 'parallel_tool_calls', 'response_format', 'reasoning_effort', 'metadata', 'store', 'service_tier', 'modalities[]']),
  },
  'POST /v1/completions': {
    ...ASKING, 'body.model': called, 'body.prompt': free('hi'), ...prompted,
    ...open('body.', [...SAMPLING, 'prompt[]', 'prompt[][]', 'logprobs', 'best_of', 'echo', 'suffix']),
  },
  'POST /v1/embeddings': { ...ASKING, 'body.model': called, 'body.input': free('hi'), ...open('body.', ['input[]', 'input[][]', 'dimensions', 'encoding_format', 'user']) },
  'POST /v1/images/generations': {
    ...ASKING, 'body.model': called, 'body.prompt': free('hi'), ...prompted,
    ...open('body.', ['n', 'size', 'quality', 'style', 'response_format', 'output_format', 'background', 'stream', 'user']),
  },
  'POST /v1/messages': {
    ...ASKING, ...conversation, 'body.max_tokens': free(8),
    ...open('body.', ['system', 'system[]', 'stop_sequences[]', 'stream', 'temperature', 'top_p', 'top_k', 'tools[]', 'tool_choice', 'thinking', 'metadata', 'output_config']),
  },
};

/** Where nothing is told apart: the end of a list, whatever the cursor; a call that may be on its way to the log. */
export const CURSORS = new Set(['GET /v1/files query.after', 'POST /v1/feedback body.preferred_over_call_id']);
/** Below it routes are for the platform's keys. */
export const OPERATORS = '/admin/';
/** Other routes that are not in openapi.json, each with where test/faults tests it. */
export const ELSEWHERE = {
  '/metrics': 'below: for operators, and of no tenant',
  '/graphql': 'tenants.spec.ts',
  '/internal/runs/:jobId/events': 'below: its callers are trainers',
};

interface Schema { $ref?: string; type?: string | string[]; properties?: Record<string, Schema>; items?: Schema; allOf?: Schema[]; anyOf?: Schema[]; oneOf?: Schema[] }
interface Described { parameters?: { name: string; in: string }[]; requestBody?: { content: Record<string, { schema: Schema }> } }
export const DOCUMENT = JSON.parse(readFileSync('openapi.json', 'utf8')) as { paths: Record<string, Record<string, Described>>; components?: { schemas?: Record<string, Schema> } };

const described = (route: string): Described => {
  const [method, path] = route.split(' ') as [string, string];
  return DOCUMENT.paths[path]![method.toLowerCase()]!;
};
export const documentedRoutes = (): string[] =>
  Object.entries(DOCUMENT.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));

function leaves(schema: Schema, at: string): string[] {
  const { properties, items, $ref } = schema;
  if ($ref) return leaves(DOCUMENT.components!.schemas![$ref.split('/').at(-1)!]!, at);
  const parts = [...schema.allOf ?? [], ...schema.anyOf ?? [], ...schema.oneOf ?? []].filter(({ type }) => type !== 'null');
  if (parts.length > 0 && !properties) return [...new Set(parts.flatMap((part) => leaves(part, at)))];
  if (items) return leaves(items, `${at}[]`);
  if (properties) return Object.entries(properties).flatMap(([name, each]) => leaves(each, `${at}.${name}`));
  return [at];
}

/** Each value that a documented route takes, as the keys of ROUTES name them. */
export function inputsOf(route: string): string[] {
  const { parameters = [], requestBody } = described(route);
  return [...parameters.map((each) => `${each.in}.${each.name}`).filter((each) => each.toLowerCase() !== 'header.idempotency-key'), ...Object.values(requestBody?.content ?? {}).flatMap(({ schema }) => leaves(schema, 'body'))];
}

export interface Sent { path: string; init: RequestInit; said: string }

/** The request with `value(place)` at each place; those that are undefined are left out. */
export function requestOf(route: string, value: (place: string) => unknown): Sent {
  const [method, template] = route.split(' ') as [string, string];
  const given = Object.keys(ROUTES[route]!).map((place) => [place, value(place)] as const).filter(([, each]) => each !== undefined);
  const inside = (where: string) => given.filter(([place]) => place.startsWith(`${where}.`)).map(([place, each]) => [place.slice(where.length + 1), each] as [string, unknown]);
  const path = inside('path').reduce((whole, [name, each]) => whole.replace(`{${name}}`, encodeURIComponent(String(each))), template);
  const query = new URLSearchParams(inside('query') as [string, string][]).toString();
  const headers = Object.fromEntries(inside('header')) as Record<string, string>;
  const body = method === 'POST' ? bodyOf(inside('body'), described(route)) : undefined;
  const init: RequestInit = body === undefined || body instanceof FormData ? { method, headers, ...(body && { body }) }
    : { method, headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) };
  return { path: query ? `${path}?${query}` : path, init, said: JSON.stringify(given) };
}

function bodyOf(values: [string, unknown][], { requestBody }: Described): FormData | object | undefined {
  if (requestBody?.content['multipart/form-data']) {
    const form = new FormData();
    for (const [name, each] of values) form.append(name, name === 'file' ? new Blob([String(each)]) : String(each));
    return form;
  }
  const body = {};
  for (const [place, each] of values) put(body, place.split(/\.|(?=\[\])/), each);
  return body;
}

function put(target: Record<string, any>, [key, ...rest]: string[], value: unknown): void {
  if (rest.length === 0) target[key!] = value;
  else if (rest[0] === '[]') put(((target[key!] ??= [{}]) as Record<string, any>[])[0]!, rest.slice(1), value);
  else put((target[key!] ??= {}) as Record<string, any>, rest, value);
}

/** A request with the other tenant's thing at one place, everything else being the caller's own or nobody's. */
export interface RouteAttack {
  title: string;
  route: string;
  place: string;
  kind: 'reference' | 'fresh';
  request: (own: World, at: World, change?: <T>(value: T) => T) => Sent;
}

/** Optional references that are not attacked are left out: of those of a chat only one may be given. */
export const ROUTE_ATTACKS: RouteAttack[] = Object.entries(ROUTES).flatMap(([route, places]) => Object.entries(places).flatMap(([place, options]) =>
  [options].flat().flatMap((option, index): RouteAttack[] => (option.kind === 'free' ? [] : [{
    title: `${route} with ${place}${index > 0 ? `, ${index + 1}` : ''}`, route, place, kind: option.kind,
    request: (own, at, change = (value) => value) => requestOf(route, (each) => (each === place ? change(option.of(at)) : ordinary(route, each, option.beside)?.of(own))),
  }]))));

/** What stands at a place that is not attacked. */
export function ordinary(route: string, place: string, beside: Record<string, Place> = {}): Place | undefined {
  const usual = [ROUTES[route]![place]!].flat()[0]!;
  const isNeeded = usual.kind === 'free' || place.startsWith('path.') || place === 'body.model';
  return beside[place] ?? (isNeeded ? usual : undefined);
}
