import type { OpenAPIObject } from '@nestjs/swagger';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Responses = Operation['responses'];
type Response = Exclude<NonNullable<Responses[string]>, { $ref: string }>;

const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;
const text = { type: 'string' } as const;

/** OpenAI's error object: the body of every answer of status 400 and above under /v1. */
const ERROR = {
  type: 'object', required: ['error'],
  properties: {
    error: {
      type: 'object', required: ['message', 'type', 'param', 'code'],
      properties: {
        message: { ...text, description: 'What is wrong, where, and how to mend it.' },
        type: { ...text, description: 'Class of the failure; of a rate limit `requests` or `tokens`.' },
        param: { type: ['string', 'null'], description: 'The field or parameter at fault.' },
        code: { type: ['string', 'null'], description: 'Stable; to be branched on.' },
      },
    },
  },
};

const DESCRIPTIONS: Record<number, string> = {
  400: 'The request cannot be understood, or a value in it is wrong', 401: 'No API key, or one that is not valid',
  403: 'The key may not do this, or there is no room left (`quota_exceeded`)', 404: 'There is no such thing in this project',
  409: 'It is in the way of something else: of what there is, or of the same request still running', 413: 'Larger than may be sent',
  415: 'A content type that is not taken', 422: 'The Idempotency-Key was used with another request',
  429: 'A limit is reached (`rate_limit_exceeded`), or the month\'s budget spent (`insufficient_quota`)',
  500: 'A fault of the service, which is in its log', 502: 'The model\'s provider or runtime failed', 503: 'Something the service needs does not answer; try again',
};

const HEADERS: Record<string, { description: string; schema: typeof text }> = {
  'x-request-id': { description: 'Names the request in the service\'s log', schema: text },
  'retry-after': { description: 'Whole seconds to wait', schema: text },
  ...Object.fromEntries(['requests', 'tokens'].flatMap((counts) => [
    [`x-ratelimit-limit-${counts}`, { description: `Limit of ${counts} per minute; absent without one`, schema: text }],
    [`x-ratelimit-remaining-${counts}`, { description: `How many ${counts} are left`, schema: text }],
    [`x-ratelimit-reset-${counts}`, { description: 'Time until all of it is free again, such as `1s` or `6m0s`', schema: text }],
  ])),
};
const REQUEST_ID = headersNamed(({ 0: name }) => name === 'x-request-id');
const LIMITS = headersNamed(({ 0: name }) => name.startsWith('x-ratelimit-'));
const RETRY_AFTER = headersNamed(({ 0: name }) => name === 'retry-after');

function headersNamed(which: (entry: [string, object]) => boolean): Record<string, { $ref: string }> {
  return Object.fromEntries(Object.entries(HEADERS).filter(which).map(([name]) => [name, { $ref: `#/components/headers/${name}` }]));
}

const errorContent = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };
const ERRORS = Object.fromEntries(Object.entries(DESCRIPTIONS).map(([status, description]) => [
  `Error${status}`, { description, headers: { ...REQUEST_ID, ...(status === '429' && { ...LIMITS, ...RETRY_AFTER }) }, content: errorContent },
]));

/** The answers of a route whose errors have a shape of their own. */
export const errorsOf = (statuses: number[], schema: object): Responses => Object.fromEntries(statuses.map((status) => [
  status, { description: DESCRIPTIONS[status]!, ...(status === 429 && { headers: RETRY_AFTER }), content: { 'application/json': { schema } } },
]));

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key', in: 'header', required: false, schema: { ...text, pattern: '^[!-~]{1,255}$' },
  description: 'The same key with the same request has one effect, and gets the same answer',
} as const;

/** What any operation under /v1 may answer beside what it says itself. */
function statusesOf(path: string, operation: Operation, idempotent: boolean): number[] {
  return [
    400, 401, 403, 429, 500, 503,
    ...(path.includes('{') || operation.requestBody ? [404] : []),
    ...(operation.requestBody ? [413, 415] : []),
    ...(idempotent ? [409, 422] : []),
  ];
}

/** Completes the generated document: errors in OpenAI's shape, and headers, on every operation under /v1. */
export function describeErrors(document: OpenAPIObject): OpenAPIObject {
  const { schemas, ...components } = document.components ?? {};
  document.components = { ...components, headers: HEADERS, responses: ERRORS, schemas: { ...schemas, Error: ERROR as object } };
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const operation = item[method];
      if (operation) describeOperation(path, operation);
    }
  }
  return document;
}

function describeOperation(path: string, operation: Operation): void {
  const open = path.startsWith('/v1/');
  for (const [status, response] of Object.entries(operation.responses) as [string, Response][]) {
    response.headers = { ...REQUEST_ID, ...(open && LIMITS), ...response.headers };
    if (Number(status) >= 400) response.content ??= errorContent;
  }
  const keyed = operation.parameters?.findIndex((parameter) => 'in' in parameter && parameter.in === 'header' && parameter.name === 'idempotency-key') ?? -1;
  if (keyed >= 0) operation.parameters!.splice(keyed, 1, IDEMPOTENCY_KEY);
  for (const status of open ? statusesOf(path, operation, keyed >= 0) : []) operation.responses[status] ??= { $ref: `#/components/responses/Error${status}` };
}
