import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../helpers/gateway.js';

const CREATE = 'mutation ($input: CreatePromptVersionInput!) { createPromptVersion(input: $input) { id } }';
const RENDER = 'query ($ref: String!) { renderPrompt(ref: $ref, variables: {}) { content } }';
const PROVIDER = 'mutation ($input: CreateProviderInput!) { createProvider(input: $input) { id } }';
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
const post = (body: string): RequestInit => ({ method: 'POST', headers: { 'content-type': 'application/json' }, body });

describe('hostile requests', () => {
  let gateway: Gateway;
  beforeAll(async () => { gateway = await startGateway(); });
  afterAll(() => gateway.stop());

  /** The code of the error that a raw body is answered with; null for none. */
  const code = async (path: string, body: string): Promise<string | null> => {
    const { error, errors } = await (await gateway.fetch(path, post(body))).json() as { error?: { code: string }; errors?: { extensions: { code: string } }[] };
    return error?.code ?? errors?.[0]?.extensions.code ?? null;
  };
  const graphql = (query: string, variables: string) => code('/graphql', `{"query":${JSON.stringify(query)},"variables":${variables}}`);

  it.each([100, 3_000, 100_000, 1_000_000])('JSON that is %i levels deep is refused', async (depth) => {
    expect(await graphql(CREATE, `{"input":{"name":"deep","messages":[{"role":"user","content":"x"}],"config":{"a":${nested(depth)}}}}`)).toBe('bad_input');
    expect(await code('/v1/chat/completions', `{"model":"m","messages":[{"role":"user","content":${nested(depth)}}]}`)).toBe('bad_input');
  });

  it.each(['__proto__', 'constructor'])('a key %s changes no object but its own', async (key) => {
    await code('/v1/chat/completions', `{"model":"m","${key}":{"prototype":{"polluted":1},"polluted":1},"messages":[{"role":"user","content":"x"}]}`);
    await graphql(CREATE, `{"input":{"name":"proto","messages":[{"role":"user","content":"x"}],"config":{"${key}":{"prototype":{"polluted":1},"polluted":1}}}}`);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it.each([
    `prompts:/p/${'9'.repeat(11)}`, `prompts:/p/${'9'.repeat(400)}`, `prompts:/p/${2 ** 31}`, `prompts:/${'a/1/'.repeat(200_000)}!`, `prompts:/${'a'.repeat(500_000)}@@`, `prompts:/p/${'1'.repeat(500_000)}x@`,
  ])('a reference that is none is refused: %.40s…', async (ref) => {
    expect(await graphql(RENDER, JSON.stringify({ ref }))).toBe('bad_reference');
  });

  it('a version that no integer holds is refused', async () => {
    expect(await code('/v1/chat/completions', '{"model":"m","prompt":{"name":"p","version":9007199254740991}}')).toBe('invalid_value');
  });

  it.each(['../../credentials.json', '..', '.', 'a/../..', '/etc', 'a\\..', '%2e%2e', 'models'])('a base model is a directory of TRIAD_HOME/models and no path: %s', async (source) => {
    expect(await graphql('mutation ($s: String!) { registerBaseModel(input: { name: "m", source: $s, licence: "mit" }) { id } }', JSON.stringify({ s: source }))).toBe('bad_input');
  });

  it.each(['..%2f..%2fcredentials.json', '%2e%2e%2fcredentials.json', '..%5ccredentials.json'])('a file is an id and no path: %s', async (id) => {
    for (const path of [`/v1/files/${id}`, `/v1/files/${id}/content`]) expect((await gateway.fetch(path)).status).toBe(404);
  });

  it('the name of an uploaded file is shown, without what could end a header, and leads nowhere', async () => {
    const form = new FormData();
    form.append('purpose', 'fine-tune');
    form.append('file', new Blob(['{"prompt":"a","completion":"b"}\n']), '../../../etc/passwd\r\nset-cookie: a=b');
    const response = await gateway.fetch('/v1/files', { method: 'POST', body: form });
    expect(response.headers.has('set-cookie')).toBe(false);
    expect(((await response.json()) as { filename: string }).filename).not.toMatch(/[\r\n/]/);
  });

  it.each(['sk-1\n', 'sk 1', 'sk-1\r\nx-injected: 1', 'sk-é'])('a provider\'s key that would break a header is refused: %j', async (apiKey) => {
    expect(await graphql(PROVIDER, JSON.stringify({ input: { name: 'key', baseUrl: 'http://127.0.0.1:9/v1', apiKey } }))).toBe('bad_input');
  });

  it.each(['http://127.0.0.1:9/v1?x=', 'http://127.0.0.1:9/v1#x', `http://127.0.0.1:9/${'/'.repeat(1_000_000)}x`])('a base URL to which no path can be added is refused: %.40s', async (baseUrl) => {
    expect(await graphql(PROVIDER, JSON.stringify({ input: { name: 'url', baseUrl } }))).toBe('bad_input');
  });
});

/** A tenant names its own providers: they are as little trusted as it is. */
describe('hostile providers', () => {
  let gateway: Gateway;
  let server: Server | undefined;
  beforeAll(async () => { gateway = await startGateway(); });
  afterAll(async () => {
    server?.closeAllConnections();
    server?.close();
    await gateway.stop();
  });

  const endless = (headers: Record<string, string>, status = 200): RequestListener => (request, response) => {
    request.resume();
    response.writeHead(status, headers);
    const chunk = Buffer.alloc(1 << 20, 'x');
    const more = () => { while (!response.destroyed && response.write(chunk)); };
    response.on('drain', more);
    more();
  };
  const chat = async (name: string, listener: RequestListener, stream: boolean) => {
    server?.closeAllConnections();
    server?.close();
    server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    await gateway.graphql(PROVIDER, { input: { name, baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } });
    const response = await gateway.fetch('/v1/chat/completions', post(JSON.stringify({ model: `${name}/m`, messages: [{ role: 'user', content: 'x' }], stream })));
    return { status: response.status, text: await response.text(), headers: response.headers };
  };

  it('an answer that never ends is hung up on', async () => {
    expect(await chat('endless', endless({ 'content-type': 'application/json' }), false)).toMatchObject({ status: 502, text: expect.stringContaining('more than') });
  });

  it('a refusal that never ends is hung up on', async () => {
    expect(await chat('refusing', endless({ 'content-type': 'application/json' }, 400), false)).toMatchObject({ status: 502, text: expect.stringContaining('more than') });
  });

  it('an event that never ends is hung up on', async () => {
    expect(await chat('streaming', endless({ 'content-type': 'text/event-stream' }), true)).toMatchObject({ status: 200, text: expect.stringMatching(/^data: .*upstream_failed/) });
  });

  it('of a provider\'s headers the client sees none but retry-after', async () => {
    const headers = { 'content-type': 'application/json', 'set-cookie': 'a=b', 'access-control-allow-origin': '*', 'retry-after': '7', location: 'http://elsewhere' };
    const refused = await chat('headers', (request, response) => { request.resume(); response.writeHead(429, headers).end('{"error":{"message":"slow down"}}'); }, false);
    expect(refused).toMatchObject({ status: 429 });
    expect(Object.fromEntries(refused.headers)).toMatchObject({ 'retry-after': '7' });
    for (const name of ['set-cookie', 'access-control-allow-origin', 'location']) expect(refused.headers.has(name)).toBe(false);
  });
});
