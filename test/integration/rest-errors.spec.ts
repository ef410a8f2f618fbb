import { request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../helpers/gateway.js';

describe('failures of HTTP itself', () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway();
  });
  afterAll(() => gateway.stop());

  const json = { 'content-type': 'application/json' };
  const chat = (body: string, headers: Record<string, string> = json) => ['/v1/chat/completions', { method: 'POST', body, headers }] as const;

  it.each<[string, readonly [string, RequestInit], number, string]>([
    ['a body that is no JSON', chat('{"model": '), 400, 'bad_input'],
    ['an empty body', chat(''), 400, 'bad_input'],
    ['a body that would change a prototype', chat('{"__proto__": {"a": 1}}'), 400, 'bad_input'],
    ['a list for an object', chat('[]'), 400, 'invalid_type'],
    ['another content type', chat('<a/>', { 'content-type': 'application/xml' }), 415, 'unsupported_media_type'],
    ['a content type that is none', chat('{}', { 'content-type': '@' }), 415, 'unsupported_media_type'],
    ['a body too large', chat(`{"a": "${'x'.repeat(8 * 1024 * 1024)}"}`), 413, 'too_large'],
    ['NUL in a name', chat('{"model": "a\\u0000", "messages": [{"role": "user"}]}'), 400, 'bad_input'],
    ['NUL in a path', ['/v1/files/%00', {}], 400, 'bad_input'],
    ['an unknown route', ['/v1/nothing', {}], 404, 'not_found'],
    ['an unknown route outside /v1', ['/nothing', {}], 404, 'not_found'],
    ['another method', ['/v1/files', { method: 'PUT' }], 405, 'method_not_allowed'],
    ['another method of a path with an id', ['/v1/files/file_1/content', { method: 'POST' }], 405, 'method_not_allowed'],
    ['a limit that is no number', ['/v1/files?limit=many', {}], 400, 'bad_input'],
    ['a limit out of range', ['/v1/files?limit=0', {}], 400, 'bad_input'],
    ['an order that is none', ['/v1/files?order=up', {}], 400, 'bad_input'],
    ['a cursor that is none', ['/v1/files?after=x', {}], 400, 'bad_input'],
    ['the same parameter twice', ['/v1/files?purpose=evals&purpose=evals', {}], 400, 'bad_input'],
    ['an unknown parameter', ['/v1/files?colour=red', {}], 400, 'bad_input'],
  ])('answers %s in OpenAI\'s shape', async (_, [path, init], status, code) => {
    const response = await gateway.fetch(path, init);
    expect([response.status, response.headers.get('content-type')]).toEqual([status, 'application/json; charset=utf-8']);
    expect(response.headers.get('x-request-id')).toMatch(/^req-/);
    expect(await response.json()).toEqual({ error: { message: expect.stringMatching(/\w{3}/), type: 'invalid_request_error', param: null, code } });
  });

  it('says what methods there are', async () => {
    const response = await gateway.fetch('/v1/files/file_1', { method: 'PATCH' });
    expect(response.headers.get('allow')?.split(', ')).toEqual(expect.arrayContaining(['GET', 'DELETE']));
    expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining('PATCH is not a method of /v1/files/file_1') } });
  });

  it('answers a path that cannot be decoded', async () => {
    const { port } = new URL(gateway.url);
    const response = await new Promise<{ status: number; id: unknown; body: string }>((done, fail) => {
      request({ port, path: '/v1/files/%E0%A4%A' }, (answer) => {
        answer.toArray().then((chunks) => done({ status: answer.statusCode!, id: answer.headers['x-request-id'], body: Buffer.concat(chunks as Buffer[]).toString() }), fail);
      }).on('error', fail).end();
    });
    expect([response.status, response.id]).toEqual([400, expect.stringMatching(/^req-/)]);
    expect(JSON.parse(response.body)).toMatchObject({ error: { type: 'invalid_request_error', code: 'bad_input' } });
  });

  it('answers bytes that are no HTTP', async () => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    socket.end('HELLO\r\n\r\n');
    const answer = Buffer.concat(await socket.toArray() as Buffer[]).toString();
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(JSON.parse(answer.split('\r\n\r\n')[1]!)).toMatchObject({ error: { type: 'invalid_request_error' } });
  });

  it('tells nothing of NUL in GraphQL but what is wrong', async () => {
    await expect(gateway.graphql('query ($name: String!) { model(name: $name) { id } }', { name: 'a\0' })).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('NUL') });
  });
});
