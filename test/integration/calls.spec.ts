import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CallLog } from '../../src/calls/call-log.js';
import { newId } from '../../src/common/ids.js';
import { Database } from '../../src/database/database.js';
import { callsDropped } from '../../src/observability/metrics.js';
import { answered, asked, callOf, logCalls, setLogging } from '../helpers/calls.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { contextOf } from '../helpers/stub-model.js';
import { withKey } from '../helpers/tenant-world.js';

const LIST = `query ($filter: CallFilter, $first: Int, $after: String, $last: Int, $before: String, $orderBy: CallOrder) {
  calls(filter: $filter, first: $first, after: $after, last: $last, before: $before, orderBy: $orderBy) { nodes { id } pageInfo { hasNextPage hasPreviousPage endCursor startCursor } } }`;
const ONE = 'query ($id: ID!) { call(id: $id) { id logged model stickyKey metadata request answer variables cut } }';

describe('the log of calls', () => {
  let gateway: Gateway;
  beforeAll(async () => { gateway = await startGateway(); });
  afterAll(() => gateway.stop());

  const ids = async (variables: object): Promise<string[]> => (await gateway.graphql(LIST, variables as Record<string, unknown>))['calls'].nodes.map((node: { id: string }) => node.id);
  const one = async (id: string) => (await gateway.graphql(ONE, { id }))['call'];
  const droppedFor = async (reason: string) => (await callsDropped.get()).values.find(({ labels }) => labels.reason === reason)?.value ?? 0;

  it('keeps what a project asks for: nothing, metadata, or all', async () => {
    const bodies = { request: asked(['user', 'What is it?']), answer: answered('A lamp.'), variables: { it: 'lamp' } };
    const [metadata] = await logCalls(gateway, bodies);
    expect(await one(metadata!.id)).toMatchObject({ logged: 'metadata', request: null, answer: null, variables: null });
    await setLogging(gateway, 'full');
    const [full] = await logCalls(gateway, bodies);
    expect(await one(full!.id)).toMatchObject({ logged: 'full', ...bodies, cut: false });
    await setLogging(gateway, 'off');
    const [none] = await logCalls(gateway, bodies);
    await expect(one(none!.id)).rejects.toMatchObject({ code: 'not_found' });
    expect(gateway.app.get(CallLog).modeOf((await contextOf(gateway)).projectId)).toBe('off');
    await setLogging(gateway, 'full');
  });

  it('survives NUL and half characters, and what only looks like them', async () => {
    const [odd] = await logCalls(gateway, { request: asked(['user', 'a\u0000b \ud83d c \ude00 😀 \\u0000 \\ud83d']), answer: answered('x'), metadata: { k: '\u0000' }, model: 'm\u0000' });
    expect(await one(odd!.id)).toMatchObject({ model: 'm\ufffd', metadata: { k: '\ufffd' }, request: asked(['user', 'a\ufffdb \ufffd c \ufffd 😀 \\u0000 \\ud83d']) });
  });

  it('drops alone a row that Postgres refuses, and counts it', async () => {
    const { projectId } = await contextOf(gateway);
    const before = await droppedFor('refused');
    const good = Array.from({ length: 20 }, () => callOf(projectId));
    const log = gateway.app.get(CallLog);
    good.forEach((record, index) => {
      log.add(record);
      if (index === 7 || index === 13) log.add(callOf(projectId, { status: null as unknown as number }));
    });
    await log.flush();
    expect(await droppedFor('refused') - before).toBe(2);
    expect(await ids({ first: 20 })).toEqual(good.map(({ id }) => id).reverse());
  });

  it('writes a batch once, however often it is sent', async () => {
    const [record] = await logCalls(gateway, {});
    gateway.app.get(CallLog).add(record!);
    await gateway.app.get(CallLog).flush();
    expect(await ids({ filter: { requestId: record!.requestId } })).toEqual([record!.id]);
  });

  it('hides what patterns find, before anything is stored', async () => {
    await setLogging(gateway, 'full', [{ name: 'email' }, { name: 'credit_card' }, { name: 'order', pattern: 'ORD-(\\d{4})+', replacement: '<order>' }]);
    const secret = 'Write to ann@example.com of ORD-12345678, paid by 4111 1111 1111 1111 (not 4111 1111 1111 1112).';
    const hidden = 'Write to [email] of <order>, paid by [credit_card] (not 4111 1111 1111 1112).';
    const [record] = await logCalls(gateway, {
      request: asked(['user', [{ type: 'text', text: secret }]]), answer: answered(secret), variables: { secret, card: 4111111111111111, count: 7654321 }, metadata: { of: 'bob@example.com' }, stickyKey: 'eve@example.com',
    });
    expect(await one(record!.id)).toMatchObject({
      request: asked(['user', [{ type: 'text', text: hidden }]]), answer: answered(hidden), variables: { secret: hidden, card: '[credit_card]', count: 7654321 }, metadata: { of: '[email]' }, stickyKey: expect.stringMatching(/^\[email\] [\w-]{16}$/),
    });
    const [raw] = await gateway.app.get(Database).platform.query<[{ row: string }]>('SELECT calls::text AS row FROM calls WHERE id = $1', [record!.id]);
    expect(raw.row).not.toMatch(/example\.com|4111 1111 1111 1111|ORD-|4111111111111111/);
    await setLogging(gateway, 'full');
  });

  it('cuts what callers may make as long as they like, in every mode, and still tells sticky keys apart', async () => {
    await setLogging(gateway, 'metadata');
    const pairs = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`k${index}`, 'v']));
    const [one1, two, many, fits] = await logCalls(gateway,
      { model: 'm'.repeat(7e6), stickyKey: `${'u'.repeat(5e5)}1`, errorCode: 'e'.repeat(1e5), metadata: { ['k'.repeat(1e5)]: 'v'.repeat(7e6), nested: { deep: 'x'.repeat(1e6) } as unknown as string } },
      { stickyKey: `${'u'.repeat(5e5)}2` }, { metadata: pairs }, { model: 'm'.repeat(256), stickyKey: 'u'.repeat(256), metadata: { ['k'.repeat(64)]: 'v'.repeat(512) } });
    const first = await one(one1!.id);
    expect([first.model, first.metadata]).toEqual([`${'m'.repeat(249)}… [cut]`, { [`${'k'.repeat(57)}… [cut]`]: `${'v'.repeat(505)}… [cut]`, nested: '… [cut]' }]);
    expect(first.stickyKey).toMatch(/^u{236}… [\w-]{16}$/);
    expect((await one(two!.id)).stickyKey).not.toBe(first.stickyKey);
    expect((await one(many!.id)).metadata).toEqual({ ...Object.fromEntries(Object.entries(pairs).slice(0, 16)), '…': '… [cut]' });
    expect(await one(fits!.id)).toMatchObject({ model: fits!.model, stickyKey: fits!.stickyKey, metadata: fits!.metadata });
    await setLogging(gateway, 'full');
  });

  it('gives each project\'s patterns a share of the time, beyond which a call waits for others, or is kept without its texts', async () => {
    const other = withKey(gateway, gateway.otherKey);
    const { projectId } = await contextOf(gateway);
    await setLogging(gateway, 'full', Array.from({ length: 4 }, (_, index) => ({ name: `p${index}`, pattern: `(?:a?){24${index}}[bz]` })));
    const before = await droppedFor('texts');
    const log = gateway.app.get(CallLog);
    const bodies = { request: asked(['user', 'a'.repeat(250_000)]), answer: answered('a'.repeat(250_000)), metadata: { team: 'a' }, stickyKey: 'user-1' };
    const [slow, slower] = [callOf(projectId, bodies), callOf(projectId, bodies)];
    const quick = callOf((await contextOf(other)).projectId);
    [slow, slower, quick].forEach((record) => log.add(record));
    await log.flush();
    expect(await one(slow.id)).toMatchObject({ logged: 'full', cut: true, request: null, answer: null, variables: null, metadata: null, stickyKey: expect.stringMatching(/^[\w-]{16}$/) });
    expect(await droppedFor('texts') - before).toBe(2);
    const written = await gateway.app.get(Database).platform.query<{ id: string }[]>('SELECT id FROM calls WHERE id = ANY($1) ORDER BY xmin::text::bigint DESC LIMIT 1', [[slow.id, slower.id, quick.id]]);
    expect(written).toEqual([{ id: slower.id }]);
    await setLogging(gateway, 'full');
  });

  it('refuses patterns that are too large together', async () => {
    const five = Array.from({ length: 5 }, (_, index) => ({ name: `p${index}`, pattern: `(?:a?){24${index}}[bz]` }));
    await expect(setLogging(gateway, 'full', five)).rejects.toMatchObject({ code: 'bad_input', message: expect.stringMatching(/The patterns up to p4 are too large together \(\d+ steps .* at most 2000 in a project\)/) });
  });

  it.each([
    ['a(b', 'missing closing )'], ['x(?=y)', '"(?="'], ['a*', 'matches the empty text'], ['((a{30}){30}){30}', 'invalid repeat'], ['(\\w{100}\\W{100}){10}', 'too large'],
  ])('refuses the pattern %s, and says why', async (pattern, why) => {
    await expect(setLogging(gateway, 'full', [{ name: 'mine', pattern }])).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining(why) });
  });

  it('cuts what is too long, and keeps of binary parts their digest', async () => {
    const image = `data:image/png;base64,${Buffer.alloc(3_000, 7).toString('base64')}`;
    const [record] = await logCalls(gateway, { request: asked(['system', 'Be brief.'], ['user', [{ type: 'image_url', image_url: { url: image } }]], ['user', 'long '.repeat(100_000)]), answer: answered('short') });
    const { request, cut } = await one(record!.id);
    expect(cut).toBe(true);
    expect(request.messages[0].content).toBe('Be brief.');
    expect(request.messages[1].content[0].image_url.url).toMatch(/^\[image\/png sha256:[0-9a-f]{64} 3000 bytes\]$/);
    expect(request.messages[2].content).toMatch(/… \[cut: 500000 characters\]$/);
    expect(request.messages[2].content.length).toBeLessThan(263_000);
    const [embedding] = await logCalls(gateway, { operation: 'embedding', request: { input: 'x' }, answer: { data: [{ embedding: Array.from({ length: 1536 }, () => 0.1) }] } });
    expect((await one(embedding!.id)).answer).toEqual({ data: [{ embedding: '[1536 numbers]' }] });
  });

  it('filters by everything that a call has', async () => {
    const given = {
      model: 'filtered', target: 'p/x', deploymentId: newId('dep'), providerId: newId('prov'), modelVersionId: newId('mdlv'), promptVersionId: newId('prmv'), experimentId: 'exp_1', arm: 'b', status: 429,
      errorCode: 'rate_limited', principal: 'key:mine', stickyKey: 'user-1', metadata: { team: 'a', tier: 'gold' }, cached: true, streamed: true, latencyMs: 900.25, cost: 7, promptTokens: 5_000,
    };
    const [match, other] = await logCalls(gateway, given, { model: 'filtered' });
    const { latencyMs: _, cost: __, promptTokens: ___, metadata: ____, ...equal } = given;
    const filters = [
      ...Object.entries(equal).filter(([name]) => name !== 'model').map(([name, value]) => ({ [name]: value })), { failed: true }, { metadata: [{ key: 'team', value: 'a' }, { key: 'tier', value: 'gold' }] },
      { minLatencyMs: 900 }, { minCost: 6.5, maxCost: 7.5 }, { minTokens: 5_005, maxTokens: 5_005 },
    ];
    for (const filter of filters) expect([filter, await ids({ filter: { model: 'filtered', ...filter } })]).toEqual([filter, [match!.id]]);
    for (const filter of [{ failed: false }, { maxLatencyMs: 900 }, { maxCost: 6 }, { maxTokens: 100 }]) expect(await ids({ filter: { model: 'filtered', ...filter } })).toEqual([other!.id]);
    expect(await ids({ filter: { model: 'filtered', metadata: [{ key: 'team', value: 'b' }] } })).toEqual([]);
    expect(await ids({ filter: { model: 'filtered', since: new Date(Date.now() - 60_000), until: new Date(Date.now() + 60_000) } })).toHaveLength(2);
    expect(await ids({ filter: { model: 'filtered', until: new Date(Date.now() - 60_000) } })).toEqual([]);
    for (const field of ['latency_ms', 'cost', 'tokens']) expect(await ids({ filter: { model: 'filtered' }, orderBy: { field, direction: 'desc' } })).toEqual([match!.id, other!.id]);
  });

  it('finds words in what was asked and answered, page by page, beside other filters', async () => {
    const said = Array.from({ length: 25 }, (_, index) => ({
      model: index % 12 === 0 ? 'searched-rare' : 'searched', request: asked(['user', `Where is parcel number${index}?`]), answer: answered(index % 2 ? 'At the zeppelin hangar.' : 'The hangar has no zeppelin.'),
    }));
    const records = await logCalls(gateway, ...said);
    const newest = (keep: (index: number) => boolean) => records.filter((_, index) => keep(index)).map(({ id }) => id).reverse();
    expect(await ids({ filter: { text: 'zeppelin parcel' } })).toEqual(newest(() => true));
    expect(await ids({ filter: { text: '"zeppelin hangar"' } })).toEqual(newest((index) => index % 2 === 1));
    expect(await ids({ filter: { text: 'number7 or number8' } })).toEqual(newest((index) => index === 7 || index === 8));
    expect(await ids({ filter: { text: 'zeppelin -number3', model: 'searched-rare' } })).toEqual(newest((index) => index % 12 === 0));
    expect(await ids({ filter: { text: 'unheard' } })).toEqual([]);
    const found: string[] = [];
    for (let after: string | null = null; ;) {
      const { calls }: any = await gateway.graphql(LIST, { filter: { text: 'zeppelin' }, first: 10, after });
      found.push(...calls.nodes.map((node: { id: string }) => node.id));
      if (!calls.pageInfo.hasNextPage) break;
      after = calls.pageInfo.endCursor;
    }
    expect(found).toEqual(newest(() => true));
    expect(await ids({ filter: { text: 'zeppelin' }, last: 3 })).toEqual(newest(() => true).slice(-3));
    expect(await ids({ filter: { text: 'zeppelin' }, first: 3, orderBy: { field: 'created_at', direction: 'asc' } })).toEqual(newest(() => true).reverse().slice(0, 3));
    expect(await ids({ filter: { text: 'zeppelin' }, orderBy: { field: 'cost', direction: 'desc' } })).toHaveLength(25);
  });

  it('uses the index of words under row-level security, and never another project\'s rows', async () => {
    const ctx = await contextOf(gateway);
    const manager = gateway.app.get(Database).manager(ctx);
    expect(await manager.query("SELECT * FROM triad_calls_matching('zeppelin', '', 'call_~', 5, true)")).toHaveLength(5);
    const other = gateway.app.get(Database).nobody;
    expect(await other.query("SELECT * FROM triad_calls_matching('zeppelin', '', 'call_~', 5, true)")).toEqual([]);
  });

  it('counts calls by group', async () => {
    await logCalls(gateway, ...Array.from({ length: 100 }, (_, index) => ({ model: 'counted', arm: index % 4 === 0 ? 'a' : 'b', latencyMs: index + 1, firstTokenMs: index % 4 === 0 ? null : 5, errorCode: index === 3 ? 'upstream_failed' : null, promptTokens: 1, completionTokens: 2, cost: 0.5 })));
    const stats = async (groupBy: string) => (await gateway.graphql(`query ($groupBy: CallStatsGroup!) { callStats(groupBy: $groupBy, filter: { model: "counted" }) { key calls failed cached promptTokens completionTokens cost latencyMs { p50 p95 p99 } firstTokenMs { p50 } } }`, { groupBy }))['callStats'];
    expect(await stats('model')).toEqual([{ key: 'counted', calls: 100, failed: 1, cached: 0, promptTokens: 100, completionTokens: 200, cost: 50, latencyMs: { p50: 50.5, p95: 95.05, p99: 99.01 }, firstTokenMs: { p50: 5 } }]);
    expect((await stats('arm')).map(({ key, calls, firstTokenMs }: any) => [key, calls, firstTokenMs])).toEqual([['b', 75, { p50: 5 }], ['a', 25, null]]);
    expect((await stats('hour')).every(({ key }: any) => /^\d{4}-\d\d-\d\dT\d\d:00:00Z$/.test(key))).toBe(true);
    for (const group of ['target', 'promptVersion', 'modelVersion', 'deployment', 'errorCode', 'day']) expect(await stats(group)).not.toEqual([]);
  });

  it('exports what a filter finds, a line each, with feedback', async () => {
    const records = await logCalls(gateway, ...Array.from({ length: 230 }, (_, index) => ({ model: 'exported', metadata: { n: String(index) }, request: asked(['user', `${index}`]), answer: answered('ok') })));
    await gateway.graphql('mutation ($id: ID!) { addCallFeedback(callId: $id, thumb: true) { id } }', { id: records[0]!.id });
    const response = await gateway.fetch('/v1/calls/export?model=exported');
    expect(response.headers.get('content-type')).toContain('application/jsonl');
    expect(response.status, await response.clone().text()).toBe(200);
    const lines = (await response.text()).trim().split('\n').map((line) => JSON.parse(line) as Record<string, any>);
    expect(lines.map(({ id }) => id)).toEqual(records.map(({ id }) => id).reverse());
    expect(lines.at(-1)).toMatchObject({ request: asked(['user', '0']), metadata: { n: '0' }, feedback: [{ thumb: true }] });
    const some = await (await gateway.fetch('/v1/calls/export?model=exported&metadata=n%3D7&failed=false&min_tokens=1&thumb=true')).text();
    expect(some).toBe('');
    expect((await gateway.fetch('/v1/calls/export?status=x')).status).toBe(400);
  });
});
