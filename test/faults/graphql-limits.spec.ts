import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/graphql/limits.js';
import { countResolvers } from '../helpers/count-resolvers.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { firstAnswer } from '../helpers/subscriptions.js';

const repeat = (count: number, part: (index: number) => string) => Array.from({ length: count }, (_, index) => part(index)).join(' ');
function tooComplex(limit: keyof typeof LIMITS): object {
  return { code: 'query_too_complex', limit, maximum: LIMITS[limit] };
}

const nested = (count: number) => `${repeat(count, () => 'versions(first: 1) { nodes {')} id ${'} }'.repeat(count)}`;

/** Documents that are refused, and by what. */
const BOMBS: Record<string, [document: string, extensions: object]> = {
  'deep nesting': [`{ prompts { nodes { ${nested(5)} } } }`, tooComplex('depth')],
  'depth by fragments': ['{ ...a } fragment a on Query { prompts { nodes { ...b } } } fragment b on Prompt { a { a { a { a { a { a { a { a { id } } } } } } } } }', tooComplex('depth')],
  'aliases': [`{ ${repeat(16, (index) => `a${index}: prompts { pageInfo { hasNextPage } }`)} }`, tooComplex('aliases')],
  'aliases by fragments': [`{ ...a ...b } fragment a on Query { ...b } fragment b on Query { ${repeat(16, (index) => `a${index}: licences { id }`)} }`, tooComplex('aliases')],
  'directives': [`{ prompts ${repeat(51, () => '@include(if: true)')} { nodes { id } } }`, tooComplex('directives')],
  'tokens': [`{ ${repeat(1001, () => '__typename')} }`, tooComplex('tokens')],
  'a fragment cycle': ['{ prompts { nodes { ...a } } } fragment a on Prompt { ...b } fragment b on Prompt { ...a }', { code: 'GRAPHQL_VALIDATION_FAILED' }],
  'pages of pages': ['{ prompts(first: 500) { nodes { versions(first: 500) { nodes { id } } } } }', tooComplex('objects')],
  'pages of pages, made up for by a page of less than nothing': ['{ a: prompts(first: 500) { nodes { versions(first: 500) { nodes { id } } } } b: prompts(first: -2000000) @skip(if: true) { nodes { id } } }', tooComplex('objects')],
  'pages of pages by variables': ['query ($a: Int, $b: Int) { prompts(first: $a) { nodes { versions(last: $b) { edges { node { id } } } } } }', tooComplex('objects')],
  'pages of pages by fragments': ['{ ...a } fragment a on Query { fineTuneJobs(first: 400) { nodes { ...b } } } fragment b on FineTuneJob { events(first: 400) { nodes { cursor } } }', tooComplex('objects')],
};

const progress = (inner: string, rest = '') => `subscription { evaluationRunProgress(id: "eval_1") { ${inner} } } ${rest}`;
const SUBSCRIPTION_BOMBS: typeof BOMBS = {
  'deep nesting': [progress(`${repeat(10, () => 'suite {')} id ${'}'.repeat(10)}`), tooComplex('depth')],
  'aliases': [progress(repeat(16, (index) => `a${index}: id`)), tooComplex('aliases')],
  'directives': [progress(`id ${repeat(51, () => '@include(if: true)')}`), tooComplex('directives')],
  'tokens': [progress(repeat(1001, () => 'id')), tooComplex('tokens')],
  'a fragment cycle': [progress('...a', 'fragment a on EvaluationRun { ...b } fragment b on EvaluationRun { ...a }'), { code: 'bad_input' }],
  'long lists': [progress(repeat(15, (index) => `a${index}: samples(first: 500) { nodes { id } edges { node { id } } }`)), tooComplex('objects')],
};

describe('#22 a document made to do harm', () => {
  let gateway: Gateway;
  let counter: { calls: number };

  beforeAll(async () => {
    gateway = await startGateway();
    counter = countResolvers(gateway);
  });
  afterAll(() => gateway.stop());

  const post = (body: unknown) => gateway.fetch('/graphql', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

  it('is told from one that is not: the counter counts', async () => {
    await gateway.graphql('{ prompts { nodes { id } } }');
    expect(counter.calls).toBeGreaterThan(0);
  });

  it.each(Object.entries(BOMBS))('is refused over HTTP before any resolver: %s', async (_, [query, extensions]) => {
    counter.calls = 0;
    const response = await post({ query });
    const { errors, data } = await response.json() as { errors: any[]; data?: unknown };
    expect([response.status, data]).toEqual([400, undefined]);
    expect(errors.map((error) => error.extensions)).toContainEqual({ ...extensions, requestId: response.headers.get('x-request-id') });
    expect(counter.calls).toBe(0);
  });

  it.each(Object.entries(SUBSCRIPTION_BOMBS))('is refused over WebSocket before any resolver: %s', async (_, [query, extensions]) => {
    counter.calls = 0;
    const errors = await firstAnswer(gateway, { query }).then(() => [], (thrown: unknown) => thrown as any[]);
    expect(errors.map((error) => error.extensions)).toContainEqual({ ...extensions, requestId: expect.stringMatching(/^req-/) });
    expect(counter.calls).toBe(0);
  });

  it('is a batch, and nothing of it runs', async () => {
    counter.calls = 0;
    const response = await post([{ query: '{ prompts { nodes { id } } }' }, { query: '{ __typename }' }]);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST', requestId: response.headers.get('x-request-id') } }] });
    expect(counter.calls).toBe(0);
  });

  it('is refused each time, and does not hold up others', async () => {
    const [query] = BOMBS['aliases']!;
    counter.calls = 0;
    const answers = await Promise.all(Array.from({ length: 50 }, () => post({ query })));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([400]));
    expect(counter.calls).toBe(0);
    expect(await gateway.graphql('{ prompts { nodes { id } } }')).toEqual({ prompts: { nodes: [] } });
  });
});
