import type { LookupAddress, LookupOptions } from 'node:dns';
import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Database } from '../../src/database/database.js';
import { EventService } from '../../src/webhooks/event.service.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { contextOf } from '../helpers/stub-model.js';

/** A stub of the names of the world, each with the answers it gives one after the other. */
const names = vi.hoisted(() => ({ answers: new Map<string, string[][]>(), asked: [] as string[] }));
vi.mock('node:dns', async (original) => ({
  ...await original<object>(),
  lookup: (name: string, _: LookupOptions, callback: (error: Error | null, addresses: LookupAddress[]) => void) => {
    names.asked.push(name);
    const answers = names.answers.get(name);
    const [first = []] = answers ?? [];
    if (answers && answers.length > 1) answers.shift();
    callback(null, first.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
  },
}));

/** Hosts that stand for this machine, its networks or a cloud's metadata, in every spelling that a URL allows. */
const HIDDEN_HOSTS = [
  // loopback
  '127.0.0.1', '127.1', '127.255.255.254', '2130706433', '0x7f000001', '0x7f.1', '0177.0.0.1', '017700000001', '127.0.0.1.', '①②⑦.0.0.1', '127。0。0。1', '%31%32%37.0.0.1',
  '[::1]', '[0:0:0:0:0:0:0:1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]', '[::ffff:0:127.0.0.1]', '[64:ff9b::127.0.0.1]', '[64:ff9b::7f00:1]', '[64:ff9b:1::7f00:1]', '[2002:7f00:1::]', '[2001:0:7f00:1::]',
  'localhost', 'LOCALHOST', 'localhost.', 'a.localhost', 'ｌocalhost', '0', '0.0.0.0', '[::]',
  // metadata
  '169.254.169.254', '2852039166', '0xa9fea9fe', '0251.0376.0251.0376', '169.254.43518', '[::ffff:169.254.169.254]', '[::ffff:a9fe:a9fe]', '[64:ff9b::a9fe:a9fe]', '[2002:a9fe:a9fe::]', '[fd00:ec2::254]',
  '169.254.170.2', '100.100.100.200', '192.0.0.192', '168.63.129.16', '0xa83f8110',
  // private, link-local, shared, reserved
  '10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1', '192.168.1', '100.64.0.1', '198.18.0.1', '192.0.2.1', '203.0.113.1', '224.0.0.1', '240.0.0.1', '255.255.255.255',
  '[fc00::1]', '[fd12:3456::1]', '[fe80::1]', '[fec0::1]', '[ff02::1]', '[2001:db8::1]', '[100::1]', '[::ffff:10.0.0.1]', '[::ffff:c0a8:101]', '[64:ff9b::10.0.0.1]',
];
/** What is no http(s) URL, or dresses up as another. */
const TRICKS = [
  'http://example.com/', 'HTTP://example.com/', 'https://example.com@127.0.0.1/', 'https://127.0.0.1@example.com/', 'https://user:password@example.com/', 'https://:secret@example.com/', 'https://127.0.0.1#@example.com/', 'https://127.0.0.1?@example.com/',
  'https://127.0.0.1\\@example.com/', 'https:\\\\127.0.0.1/', 'https:127.0.0.1', 'https:///127.0.0.1/', ' https://127.0.0.1/ ', 'https://127.0.\t0.1/', 'https://127.0.0.1%2f@example.com/', 'https://[fe80::1%25eth0]/', 'https://[fe80::1%eth0]/', 'https://[::1%25lo]/',
  'ftp://example.com/', 'file:///etc/passwd', 'gopher://127.0.0.1:6379/_', 'data:text/plain,x', 'javascript:alert(1)', 'unix:/var/run/docker.sock', 'https://', 'https://example.com:99999/', 'https://exa mple.com/', '//127.0.0.1/', '', `https://example.com/${'a'.repeat(3_000)}`,
];

/** Names and what they resolve to; the last answer stays. */
const HIDDEN_NAMES: Record<string, string[][]> = {
  'loopback.example': [['127.0.0.1']],
  'loopback6.example': [['::1']],
  'mapped.example': [['::ffff:127.0.0.1']],
  'nat64.example': [['64:ff9b::7f00:1']],
  'private.example.': [['10.0.0.1']],
  'metadata.google.internal': [['169.254.169.254']],
  'mixed.example': [['8.8.8.8', '127.0.0.1']],
  'mixed6.example': [['2606:4700:4700::1111', '::1']],
  'zone.example': [['fe80::1%lo']],
  'nothing.example': [[]],
};

const PROVIDER = 'mutation ($input: CreateProviderInput!) { createProvider(input: $input) { id } }';
const ENDPOINT = 'mutation ($url: String!) { createWebhookEndpoint(url: $url, eventTypes: ["fine_tuning.job.cancelled"]) { endpoint { id } } }';
const refused = { code: 'bad_input' };

/** Numbers 18 and 19, through what a tenant can reach: what they may not call is refused, and not one connection is made. */
describe('#18, #19 outbound calls where private addresses are not allowed', () => {
  let gateway: Gateway;
  /** Counts who comes; on every address of this machine, IPv4 and IPv6. */
  let trap: Server;
  let port: number;
  let connections = 0;
  let providers = 0;

  beforeAll(async () => {
    trap = createServer((socket) => {
      connections += 1;
      socket.destroy();
    }).listen(0, '::');
    await once(trap, 'listening');
    port = (trap.address() as AddressInfo).port;
    gateway = await startGateway({ worker: true, env: { TRIAD_ALLOW_PRIVATE_URLS: '0' } });
  });
  beforeEach(() => {
    connections = 0;
    names.asked.length = 0;
    names.answers = new Map(Object.entries(structuredClone(HIDDEN_NAMES)));
  });
  afterAll(async () => {
    await gateway.stop();
    trap.close();
  });

  const sql = (query: string, parameters: unknown[] = []): Promise<any[]> => gateway.app.get(Database).platform.query(query, parameters);
  const addProvider = async (baseUrl: string) => {
    const name = `p${providers += 1}`;
    await gateway.graphql(PROVIDER, { input: { name, baseUrl, apiKey: 'sk-secret' } });
    return name;
  };
  const chat = async (provider: string) => {
    const response = await gateway.fetch('/v1/chat/completions', {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: `${provider}/m`, messages: [{ role: 'user', content: 'x' }] }),
    });
    return { status: response.status, text: await response.text() };
  };
  const addEndpoint = async (url: string): Promise<string> => (await gateway.graphql(ENDPOINT, { url }))['createWebhookEndpoint'].endpoint.id;
  /** Sends an event to one endpoint and answers what its first attempt became. */
  const deliver = async (endpointId: string): Promise<{ status: number | null; response: string }> => {
    await gateway.app.get(Database).transaction(await contextOf(gateway), (tx) => gateway.app.get(EventService).emit(tx, 'fine_tuning.job.cancelled', { id: 'ftjob_1' }));
    const attempt = await vi.waitFor(async () => {
      const [row] = await sql('SELECT attempts FROM webhook_deliveries WHERE endpoint_id = $1', [endpointId]);
      expect(row?.attempts).not.toHaveLength(0);
      return row.attempts[0];
    }, { timeout: 60_000, interval: 50 });
    await gateway.graphql('mutation ($id: ID!) { disableWebhookEndpoint(id: $id) { id } }', { id: endpointId });
    return attempt;
  };

  it('the trap does count', async () => {
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
    await expect(fetch(`http://[::1]:${port}/`)).rejects.toThrow();
    expect(connections).toBe(2);
  });

  it.each(HIDDEN_HOSTS)('neither webhook nor provider may be at %s', async (host) => {
    const url = `https://${host}:${port}/`;
    await expect(addEndpoint(url)).rejects.toMatchObject({ ...refused, message: expect.stringContaining('not a public address') });
    await expect(addProvider(url)).rejects.toMatchObject({ ...refused, message: expect.stringContaining('not a public address') });
    expect([connections, names.asked]).toEqual([0, []]);
  });

  it.each(TRICKS)('neither webhook nor provider may be at %j', async (url) => {
    await expect(addEndpoint(url)).rejects.toMatchObject(refused);
    await expect(addProvider(url)).rejects.toMatchObject(refused);
    expect([connections, names.asked]).toEqual([0, []]);
  });

  it.each(Object.keys(HIDDEN_NAMES))('nothing is sent to the name %s, and its address is not told', async (name) => {
    const url = `https://${name}:${port}/`;
    const attempt = await deliver(await addEndpoint(url));
    expect(attempt).toMatchObject({ status: null, response: expect.stringMatching(/not a public address|has no address/) });
    const answer = await chat(await addProvider(url));
    expect(answer).toMatchObject({ status: 400, text: expect.stringMatching(/not a public address|has no address/) });
    for (const text of [attempt.response, answer.text]) {
      for (const address of HIDDEN_NAMES[name]!.flat()) expect(text).not.toContain(address);
    }
    expect(names.asked).toEqual([name, name]);
    expect(connections).toBe(0);
  });

  it('a name that changes its address between check and call gains nothing: it is asked once, and that answer is dialled', async () => {
    const url = `https://rebind.example:${port}/`;
    const endpoint = await addEndpoint(url);
    const provider = await addProvider(url);
    for (const call of [() => deliver(endpoint), () => chat(provider)]) {
      names.answers.set('rebind.example', [['2606:4700:4700::1111'], ['127.0.0.1']]); // nobody listens there, on that port
      names.asked.length = 0;
      await call();
      expect(names.asked).toEqual(['rebind.example']);
    }
    expect((await chat(provider)).text).toContain('not a public address');
    expect(connections).toBe(0);
  });

  it.each(['http://127.0.0.1', 'https://127.0.0.1', 'https://[::1]', 'https://[::ffff:127.0.0.1]', 'http://localhost'])('what was stored while it was allowed is not called either: %s', async (origin) => {
    names.answers.set('localhost', [['127.0.0.1']]);
    const [endpoint, provider] = [await addEndpoint('https://example.com/'), await addProvider('https://example.com/v1')];
    await sql('UPDATE webhook_endpoints SET url = $2 WHERE id = $1', [endpoint, `${origin}:${port}/`]);
    await sql('UPDATE providers SET base_url = $2 WHERE name = $1', [provider, `${origin}:${port}`]);
    expect(await deliver(endpoint)).toMatchObject({ status: null, response: expect.stringContaining('not a public address') });
    expect(await chat(provider)).toMatchObject({ status: 400, text: expect.stringContaining('not a public address') });
    expect(connections).toBe(0);
  });
});

describe('#18 redirects, where private addresses are allowed', () => {
  let gateway: Gateway;
  let redirecting: HttpServer;
  let target: HttpServer;
  let followed = 0;
  let asked: string[] = [];
  const portOf = (server: HttpServer) => (server.address() as AddressInfo).port;

  beforeAll(async () => {
    target = createHttpServer((_, response) => response.end('{"choices":[]}')).on('connection', () => { followed += 1; }).listen(0, '127.0.0.1');
    await once(target, 'listening');
    redirecting = createHttpServer((request, response) => {
      asked.push(request.url!);
      request.resume();
      response.writeHead(Number(/\d+/.exec(request.url!)![0]), { location: `http://127.0.0.1:${portOf(target)}/latest/meta-data` }).end();
    }).listen(0, '127.0.0.1');
    await once(redirecting, 'listening');
    gateway = await startGateway({ worker: true, env: { TRIAD_ALLOW_PRIVATE_URLS: '1' } });
  });
  afterAll(async () => {
    await gateway.stop();
    target.close();
    redirecting.close();
  });

  it.each([301, 302, 303, 307, 308])('an answer with status %i is not followed', async (status) => {
    asked = [];
    const url = `http://127.0.0.1:${portOf(redirecting)}/${status}`;
    const { createWebhookEndpoint: { endpoint } } = await gateway.graphql(ENDPOINT, { url });
    await gateway.app.get(Database).transaction(await contextOf(gateway), (tx) => gateway.app.get(EventService).emit(tx, 'fine_tuning.job.cancelled', { id: 'ftjob_1' }));
    await vi.waitFor(async () => {
      const [row] = await gateway.app.get(Database).platform.query<{ attempts: object[] }[]>('SELECT attempts FROM webhook_deliveries WHERE endpoint_id = $1', [endpoint.id]);
      expect(row?.attempts).toMatchObject([{ status }]);
    }, { timeout: 60_000, interval: 50 });
    await gateway.graphql('mutation ($id: ID!) { disableWebhookEndpoint(id: $id) { id } }', { id: endpoint.id });
    await gateway.graphql(PROVIDER, { input: { name: `r${status}`, baseUrl: url } });
    const response = await gateway.fetch('/v1/chat/completions', {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: `r${status}/m`, messages: [{ role: 'user', content: 'x' }] }),
    });
    expect(response.status).toBe(502);
    expect(asked).toEqual([`/${status}`, `/${status}/chat/completions`]);
    expect(followed).toBe(0);
  });
});
