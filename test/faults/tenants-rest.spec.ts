import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { metrics, numbered, postEvents } from '../helpers/run-events.js';
import { answerTo } from '../helpers/tenant-attacks.js';
import { checksums, normalise, twin } from '../helpers/tenant-rows.js';
import { CURSORS, documentedRoutes, ELSEWHERE, inputsOf, OPERATORS, ordinary, requestOf, ROUTE_ATTACKS, ROUTES, type Sent } from '../helpers/tenant-routes.js';
import { MARKERS, OTHER, startTenants, type Tenants } from '../helpers/tenants.js';

const LOG = 'GET /v1/calls/export';
/** `/v1/files/{id}`, as documents and routers write it. */
const shape = (path: string) => path.replace(/\/?(?:\{\w+\}|:\w+|\*)/g, '/?');

/** Every path that the server answers to, with its methods, from the router's own drawing of its tree. */
function routed({ gateway }: Tenants): { path: string; methods: string[] }[] {
  const above: string[] = [];
  return gateway.app.getHttpAdapter().getInstance().printRoutes({ commonPrefix: false }).split('\n').flatMap((line) => {
    const [, indent, part, methods] = /^([│ ]*)[├└]── (\S+)(?: \((.+)\))?/.exec(line) ?? [];
    if (part === undefined) return [];
    above.length = indent!.length / 4;
    above.push(part);
    return methods ? [{ path: above.join(''), methods: methods.split(', ') }] : [];
  });
}

describe('#23 a tenant with another\'s ids sees what it sees with ids of nothing: REST', () => {
  let tenants: Tenants;
  const answers = new Map<string, string>();

  beforeAll(async () => { tenants = await startTenants(); });
  afterAll(() => tenants.stop());

  /** All that the caller ever said, which its log of calls tells again. */
  let saidEver = '';
  const ask = async ({ path, init, said }: Sent, known = said) => {
    saidEver += said;
    const answer = await answerTo(path, init, tenants.own.as);
    expect(tenants.leaked(JSON.stringify(answer), known)).toEqual([]);
    expect(answer.status, answer.body).toBeLessThan(500);
    return normalise(JSON.stringify(answer), MARKERS);
  };

  it('knows of each route and of each value that one takes what it may name', () => {
    const missing = documentedRoutes().flatMap((route) => (route in ROUTES ? inputsOf(route).filter((each) => !(each in ROUTES[route]!)).map((each) => `${route} ${each}`) : [route]));
    expect(missing, 'Say in test/helpers/tenant-routes.ts what these may name').toEqual([]);
    expect(Object.keys(ROUTES).filter((each) => !documentedRoutes().includes(each)), 'These are no longer in openapi.json; remove them from test/helpers/tenant-routes.ts').toEqual([]);
  });

  it('knows of each route that the server answers to', () => {
    const known = new Set([...documentedRoutes().map((route) => shape(route.split(' ')[1]!)), ...Object.keys(ELSEWHERE).map(shape)]);
    const paths = routed(tenants).map(({ path }) => path).filter((path) => !path.startsWith(OPERATORS));
    expect(paths.length).toBeGreaterThan(5);
    expect(paths.filter((path) => !known.has(shape(path))), 'Describe them in openapi.json, or say in ELSEWHERE where they are tested').toEqual([]);
  });

  it('keeps from tenants what is for operators', async () => {
    // What a wildcard matches are scripts and styles.
    const below = routed(tenants).filter(({ path }) => path.startsWith(OPERATORS) && !path.endsWith('*'));
    const routes = below.flatMap(({ path, methods }) => methods.map((method) => [method, path.replace(/:\w+/g, 'x')] as const));
    expect(routes.length).toBeGreaterThan(5);
    for (const [method, path] of routes) expect([method, path, (await tenants.own.as.fetch(path, { method })).status]).toEqual([method, path, 403]);
    expect(tenants.leaked(await (await tenants.own.as.fetch('/metrics')).text())).toEqual([]);
  });

  it.each(documentedRoutes().filter((route) => route.startsWith('GET ')))('%s shows each tenant its own only', async (route) => {
    const read = (world: Tenants['own']) => requestOf(route, (place) => ordinary(route, place)?.of(world));
    await ask(read(tenants.own));
    const theirs = await answerTo(read(tenants.other).path, read(tenants.other).init, tenants.other.as);
    expect(theirs.status, theirs.body).toBeLessThan(300);
    if (!route.startsWith('GET /health/')) expect(tenants.leaked(theirs.body)).not.toEqual([]);
  });

  it.each(ROUTE_ATTACKS.map((each) => [each.title, each] as const))('%s', async (title, { request }) => {
    const before = await checksums(tenants.owner, tenants.other.ctx.projectId);
    const theirs = await ask(request(tenants.own, tenants.other));
    expect(theirs).toBe(await ask(request(tenants.own, tenants.other, (value) => twin(value, OTHER))));
    expect(await checksums(tenants.owner, tenants.other.ctx.projectId)).toEqual(before);
    answers.set(title, theirs);
  });

  it.each(ROUTE_ATTACKS.filter(({ kind, route, place }) => kind === 'reference' && !CURSORS.has(`${route} ${place}`)).map((each) => [each.title, each] as const))(
    '%s: one\'s own is told from nothing', async (title, { request, route }) => {
      const sent = request(tenants.own, tenants.own);
      expect(await ask(sent, route === LOG ? saidEver : sent.said)).not.toBe(answers.get(title));
    });

  it('takes the events of a run from its own trainer only, and tells others nothing of it', async () => {
    const { own, other, gateway, owner } = tenants;
    const before = await checksums(owner, other.ctx.projectId);
    const post = (id: string, token: string, attempt: number) => postEvents(gateway, id, token, attempt, numbered([metrics(1)]));
    for (const attempt of [0, 1, 2]) {
      const unknown = await post(twin(other.runningJob.id, OTHER), own.runningJob.token, attempt);
      expect(unknown.status).toBe(401);
      for (const token of [own.runningJob.token, own.as.key, other.as.key, 'nothing']) expect(await post(other.runningJob.id, token, attempt)).toEqual(unknown);
      expect(await post(own.runningJob.id, other.runningJob.token, attempt)).toEqual(unknown);
    }
    expect(await checksums(owner, other.ctx.projectId)).toEqual(before);
    expect(await post(own.runningJob.id, own.runningJob.token, 1)).toMatchObject({ status: 200 });
  });
});
