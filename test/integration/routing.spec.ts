import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../src/database/database.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { contextOf, registerStubModel, registerStubReward } from '../helpers/stub-model.js';

const FIELDS = `id name target revision routing {
  arms { target weight } fallbacks retries { max backoffBaseMs backoffCapMs retryAfterCapMs budgetRatio budgetPerSecond alsoOn }
  timeouts { firstByteMs totalMs idleMs } breaker { failureRatio minCalls windowSeconds openSeconds } cache { ttlSeconds onlyDeterministic } coalesce stickyBy
}`;
const DEFAULTS = {
  fallbacks: [], retries: { max: 2, backoffBaseMs: 250, backoffCapMs: 4_000, retryAfterCapMs: 5_000, budgetRatio: 0.2, budgetPerSecond: 1, alsoOn: [] },
  timeouts: { firstByteMs: 600_000, totalMs: 1_800_000, idleMs: null }, breaker: { failureRatio: 0.5, minCalls: 10, windowSeconds: 30, openSeconds: 15 },
  cache: null, coalesce: false, stickyBy: 'caller',
};

describe('routing of deployments', () => {
  let gateway: Gateway;
  const create = async (input: object, key?: string) => (await gateway.graphql(`mutation ($input: CreateDeploymentInput!) { createDeployment(input: $input) { ${FIELDS} } }`, { input }, key))['createDeployment'];
  const update = async (name: string, routing: object, expectedRevision?: number) =>
    (await gateway.graphql(`mutation ($name: String!, $routing: RoutingPolicyInput!, $expectedRevision: Int) { updateDeployment(name: $name, routing: $routing, expectedRevision: $expectedRevision) { ${FIELDS} } }`, { name, routing, expectedRevision }))['updateDeployment'];
  const weigh = async (name: string, weights: object[], expectedRevision?: number) =>
    (await gateway.graphql(`mutation ($name: String!, $weights: [RoutingArmInput!]!, $expectedRevision: Int) { setDeploymentWeights(name: $name, weights: $weights, expectedRevision: $expectedRevision) { ${FIELDS} } }`, { name, weights, expectedRevision }))['setDeploymentWeights'];
  const remove = (name: string, expectedRevision?: number) => gateway.graphql('mutation ($name: String!, $expectedRevision: Int) { deleteDeployment(name: $name, expectedRevision: $expectedRevision) }', { name, expectedRevision });
  const events = async () => (await gateway.app.get(Database).platform.query<{ data: any }[]>("SELECT data FROM events WHERE type = 'deployment.changed' ORDER BY id")).map(({ data }) => data);
  const two = { arms: [{ target: 'p/stable', weight: 95 }, { target: 'p/canary', weight: 5 }] };

  beforeAll(async () => {
    gateway = await startGateway();
    await gateway.graphql('mutation { createProvider(input: { name: "p", baseUrl: "http://127.0.0.1:9/v1" }) { id } }');
  });
  afterAll(() => gateway.stop());

  it('of a target alone has one arm and the defaults, also for a row from before', async () => {
    const made = await create({ name: 'plain', target: 'p/m' });
    expect(made).toMatchObject({ target: 'p/m', revision: 1, routing: { ...DEFAULTS, arms: [{ target: 'p/m', weight: 1 }] } });
    await gateway.app.get(Database).platform.query('UPDATE deployments SET routing = NULL WHERE id = $1', [made.id]);
    expect((await gateway.graphql(`{ deployments(filter: { namePrefix: "plain" }) { nodes { ${FIELDS} } } }`))['deployments'].nodes).toEqual([made]);
    expect(await create({ name: 'plain', target: 'p/m' })).toEqual(made);
    expect((await update('plain', { coalesce: true })).routing).toEqual({ ...made.routing, coalesce: true });
  });

  it('is given whole, in parts, or switched off in parts', async () => {
    const made = await create({ name: 'split', routing: { ...two, fallbacks: ['p/last'], retries: { max: 1, alsoOn: [418] }, timeouts: { firstByteMs: 5_000, idleMs: 10_000 }, cache: {}, stickyBy: 'api_key' } });
    expect(made).toMatchObject({ target: 'p/stable', routing: { ...two, fallbacks: ['p/last'], cache: { ttlSeconds: 300, onlyDeterministic: false }, stickyBy: 'api_key' } });
    expect(made.routing.retries).toEqual({ ...DEFAULTS.retries, max: 1, alsoOn: [418] });
    const changed = await update('split', { breaker: null, cache: null, timeouts: { idleMs: null }, retries: { max: 3 } });
    expect(changed).toMatchObject({ revision: 2, routing: { ...two, breaker: null, cache: null, timeouts: { firstByteMs: 5_000, idleMs: null }, retries: { max: 3, alsoOn: [418] } } });
    expect((await update('split', { breaker: { minCalls: 3 }, arms: [{ target: 'p/new' }] }))).toMatchObject({ target: 'p/new', revision: 3, routing: { arms: [{ target: 'p/new', weight: 1 }], breaker: { ...DEFAULTS.breaker, minCalls: 3 } } });
    expect((await update('split', { breaker: { minCalls: 3 } })).revision).toBe(3); // nothing changed
  });

  it.each([
    ['a target that is not there', { target: 'nobody/m' }, 'model_not_found'],
    ['a fallback that is not there', { target: 'p/m', routing: { fallbacks: ['models:/none@champion'] } }, 'model_not_found'],
    ['no target', {}, 'bad_input'],
    ['a target beside other arms', { target: 'p/x', routing: two }, 'bad_input'],
    ['no arms', { routing: { arms: [] } }, 'bad_input'],
    ['an arm twice', { routing: { arms: [{ target: 'p/a' }, { target: 'p/a' }] } }, 'bad_input'],
    ['weights of nothing', { routing: { arms: [{ target: 'p/a', weight: 0 }] } }, 'bad_input'],
    ['a negative weight', { routing: { arms: [{ target: 'p/a', weight: -1 }] } }, 'bad_input'],
    ['eleven arms', { routing: { arms: Array.from({ length: 11 }, (_, index) => ({ target: `p/${index}` })) } }, 'bad_input'],
    ['eleven repeats', { target: 'p/m', routing: { retries: { max: 11 } } }, 'bad_input'],
    ['a backoff above its cap', { target: 'p/m', routing: { retries: { backoffBaseMs: 5_000, backoffCapMs: 10 } } }, 'bad_input'],
    ['a first byte after the end', { target: 'p/m', routing: { timeouts: { firstByteMs: 5_000, totalMs: 10 } } }, 'bad_input'],
    ['a status that is none', { target: 'p/m', routing: { retries: { alsoOn: [200] } } }, 'bad_input'],
    ['a breaker that opens at nothing', { target: 'p/m', routing: { breaker: { failureRatio: 0 } } }, 'bad_input'],
    ['a cache for ever', { target: 'p/m', routing: { cache: { ttlSeconds: 1e9 } } }, 'bad_input'],
  ])('refuses %s', async (_, input, code) => {
    await expect(create({ name: 'refused', ...input })).rejects.toMatchObject({ code });
    expect((await gateway.graphql('{ deployments(filter: { namePrefix: "refused" }) { nodes { id } } }'))['deployments'].nodes).toEqual([]);
  });

  it('grows a canary, one editor at a time', async () => {
    await create({ name: 'canary', routing: two });
    expect(await weigh('canary', [{ target: 'p/canary', weight: 20 }], 1)).toMatchObject({ revision: 2, routing: { arms: [{ target: 'p/stable', weight: 95 }, { target: 'p/canary', weight: 20 }] } });
    await expect(weigh('canary', [{ target: 'p/canary', weight: 50 }], 1)).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('revision 2') });
    await expect(weigh('canary', [{ target: 'p/other', weight: 50 }])).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('p/stable, p/canary') });
    await expect(weigh('canary', [{ target: 'p/canary', weight: 0 }, { target: 'p/stable', weight: 0 }])).rejects.toMatchObject({ code: 'bad_input' });
    const raced = await Promise.allSettled([10, 11, 12, 13].map((weight) => weigh('canary', [{ target: 'p/canary', weight }], 2)));
    expect(raced.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(weigh('none', [{ target: 'p/canary', weight: 1 }])).rejects.toMatchObject({ code: 'not_found' });
  });

  it('finds deployments by any of their targets', async () => {
    await create({ name: 'finds', routing: { arms: [{ target: 'p/one' }, { target: 'p/second' }], fallbacks: ['p/third'] } });
    for (const target of ['p/one', 'p/second', 'p/third']) {
      expect((await gateway.graphql('query ($target: String!) { deployments(filter: { target: $target }) { nodes { name } } }', { target }))['deployments'].nodes).toEqual([{ name: 'finds' }]);
    }
  });

  it('knows which registered versions it may answer with, and takes no reward models', async () => {
    const [stable, next, last] = await Promise.all(['stable', 'next', 'last'].map((name) => registerStubModel(gateway, name)));
    await registerStubReward(gateway, 'judge');
    const { id } = await create({ name: 'registered', routing: { arms: [{ target: 'models:/stable' }], fallbacks: ['models:/last/1'] } });
    await update('registered', { arms: [{ target: 'models:/stable' }, { target: 'models:/next@latest' }] });
    await expect(update('registered', { fallbacks: ['models:/judge'] })).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('reward model') });
    const { lineage } = await gateway.graphql('query ($id: ID!) { lineage(type: deployment, id: $id, direction: up) { edges { from relation } } }', { id });
    expect(lineage.edges.map(({ from }: { from: string }) => from).sort()).toEqual([stable, next, last].map((version) => version!.id).sort());
    await remove('registered');
    const after = await gateway.graphql('query ($id: ID!) { lineage(type: model_version, id: $id, direction: down) { nodes { id } edges { to } } }', { id: next!.id });
    expect(after['lineage']).toEqual({ nodes: [{ id: next!.id }], edges: [] });
  });

  it('is deleted, and tells of each change', async () => {
    const before = (await events()).length;
    const { id } = await create({ name: 'told', target: 'p/m' });
    await update('told', { fallbacks: ['p/n'] });
    await expect(remove('told', 1)).rejects.toMatchObject({ code: 'conflict' });
    expect(await remove('told', 2)).toEqual({ deleteDeployment: id });
    await expect(remove('told')).rejects.toMatchObject({ code: 'not_found' });
    const arms = [{ target: 'p/m', weight: 1 }];
    expect((await events()).slice(before)).toEqual([
      { id, name: 'told', change: 'created', revision: 1, arms, fallbacks: [] },
      { id, name: 'told', change: 'updated', revision: 2, arms, fallbacks: ['p/n'] },
      { id, name: 'told', change: 'deleted', revision: 2, arms, fallbacks: ['p/n'] },
    ]);
    expect(await contextOf(gateway)).toBeDefined();
  });
});
