import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Gateway, startGateway } from '../helpers/gateway.js';

describe('files', () => {
  let gateway: Gateway;
  let openai: OpenAI;

  const upload = async (content: string | Buffer) => {
    const form = new FormData();
    form.append('purpose', 'fine-tune');
    form.append('file', new Blob([content]), 'rows.jsonl');
    const response = await gateway.fetch('/v1/files', { method: 'POST', body: form });
    return { status: response.status, body: await response.json() as { error: { message: string; code: string; param: string } } };
  };
  /** Names of the files on disk, and of those that are known, oldest first. */
  const onDisk = () => readdirSync(join(gateway.home, 'files'));
  const known = async () => (await openai.files.list()).data.map((file) => `${file.id}.jsonl`).reverse();

  beforeAll(async () => {
    gateway = await startGateway();
    openai = new OpenAI({ apiKey: gateway.key, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
    await openai.files.create({ file: await toFile(Buffer.from('{"a": 1}\n'), 'first.jsonl'), purpose: 'fine-tune' });
  });
  afterAll(() => gateway.stop());

  it('speaks to the official client: create, retrieve, content, list by cursor, delete', async () => {
    const content = '{"a": 1}\n{"a": 2}\n';
    const made = [];
    for (const name of ['a.jsonl', 'b.jsonl', 'c.jsonl']) made.push(await openai.files.create({ file: await toFile(Buffer.from(content), name), purpose: 'user_data' }));
    expect(made[0]).toMatchObject({ object: 'file', bytes: content.length, filename: 'a.jsonl', purpose: 'user_data', status: 'processed', created_at: expect.any(Number) });
    expect(await openai.files.retrieve(made[0]!.id)).toEqual(made[0]);
    expect(await (await openai.files.content(made[0]!.id)).text()).toBe(content);
    const page = await openai.files.list({ limit: 2, purpose: 'user_data' });
    expect([page.data.map((file) => file.filename), page.has_more]).toEqual([['c.jsonl', 'b.jsonl'], true]);
    const all = [];
    for await (const file of openai.files.list({ limit: 2, purpose: 'user_data', order: 'asc' })) all.push(file.filename);
    expect(all).toEqual(['a.jsonl', 'b.jsonl', 'c.jsonl']);
    expect(await openai.files.delete(made[0]!.id)).toEqual({ id: made[0]!.id, object: 'file', deleted: true });
    await expect(openai.files.retrieve(made[0]!.id)).rejects.toMatchObject({ status: 404, code: 'not_found' });
    expect(onDisk()).not.toContain(`${made[0]!.id}.jsonl`);
  });

  it.each<[string, string | Buffer, RegExp]>([
    ['nothing', '', /rows\.jsonl is empty/],
    ['bad UTF-8', Buffer.concat([Buffer.from('{"a": 1}\n{"b": "'), Buffer.from([0xc3, 0x28]), Buffer.from('"}\n')]), /rows\.jsonl, line 2: is not valid UTF-8/],
    ['a surrogate in UTF-8', Buffer.concat([Buffer.from('{"b": "'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}\n')]), /line 1: is not valid UTF-8/],
    ['a lone surrogate', '{"a": 1}\n{"b": "\\ud83d"}\n', /line 2: holds half of a surrogate pair/],
    ['a BOM', '\ufeff{"a": 1}\n', /line 1: starts with a byte order mark/],
    ['UTF-16', Buffer.from('\ufeff{"a": 1}\n', 'utf16le'), /line 1: is UTF-16/],
    ['gzip', Buffer.from('1f8b0800000000000003', 'hex'), /line 1: is compressed with gzip/],
    ['NUL', '{"a": 1}\n{"a": "\0"}\n', /line 2: holds a NUL byte/],
    ['an escaped NUL', '{"a": "\\u0000"}', /line 1: holds the character NUL/],
    ['a blank line', '{"a": 1}\n\n{"a": 2}\n', /line 2: is empty\. Remove it/],
    ['a broken object', '{"a": 1}\n{"a": \n', /line 2: is not JSON/],
    ['an array', '[1]\n', /line 1: is not a JSON object/],
    ['33 levels', `{"a": ${'['.repeat(32)}${']'.repeat(32)}}\n`, /line 1: is nested deeper than 32/],
    ['10⁵ levels', `{"a": ${'['.repeat(1e5)}${']'.repeat(1e5)}}\n`, /line 1: is nested deeper than 32/],
    ['a number that loses digits', '{"id": 12345678901234567890}\n', /line 1: holds a number too large/],
    ['an infinite number', '{"id": 1e999}\n', /line 1: holds a number too large/],
    ['a line of 5 MB', `{"a": 1}\n{"a": "${'x'.repeat(5e6)}"}\n{"a": 1}\n`, /line 2: the line is longer than 1 MiB/],
  ])('refuses %s naming file and line, and keeps nothing', async (_, content, message) => {
    const { status, body } = await upload(content);
    expect([status, body.error.code, body.error.param]).toEqual([400, 'bad_data', 'file']);
    expect(body.error.message).toMatch(message);
    expect(onDisk()).toEqual(await known());
  });

  it('takes what is unusual and right: CRLF, no last line feed, 32 levels, U+2028, 1 MiB', async () => {
    const long = `{"a": "${'x'.repeat((1 << 20) - 9)}"}`;
    expect(long.length).toBe(1 << 20);
    const { status } = await upload(`{"a": 1}\r\n{"a": ${'['.repeat(31)}${']'.repeat(31)}}\n{"a": "\u2028 😀"}\n${long}\n{"a": 2}`);
    expect(status).toBe(200);
  });

  it('keeps nothing of an upload that breaks off', async () => {
    const request = http.request(`${gateway.url}/v1/files`, {
      method: 'POST', headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'multipart/form-data; boundary=b' },
    });
    const failed = once(request, 'error');
    request.write('--b\r\ncontent-disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n{"a": 1}\n');
    await vi.waitFor(() => expect(onDisk().filter((name) => name.endsWith('.partial'))).toHaveLength(1));
    request.destroy(new Error('gone'));
    await failed;
    await vi.waitFor(async () => expect(onDisk()).toEqual(await known()));
  });

  it('says what a form lacks', async () => {
    const post = async (form: FormData | string) => {
      const response = await gateway.fetch('/v1/files', { method: 'POST', body: form, ...(typeof form === 'string' && { headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' } }) });
      return [response.status, (await response.json() as { error: { param: string } }).error.param];
    };
    const form = (fields: Record<string, string | Blob>) => Object.entries(fields).reduce((data, [name, value]) => (data.append(name, value), data), new FormData());
    expect(await post('{}')).toEqual([400, 'file']);
    const part = '--b\r\ncontent-disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n{"a": 1}\n';
    const cut = await gateway.fetch('/v1/files', { method: 'POST', body: part, headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'multipart/form-data; boundary=b' } });
    expect([cut.status, await cut.json()]).toMatchObject([400, { error: { code: 'bad_input', message: expect.stringContaining('broke off') } }]);
    expect(await post(form({ purpose: 'fine-tune' }))).toEqual([400, 'file']);
    expect(await post(form({ file: new Blob(['{"a": 1}']) }))).toEqual([400, 'purpose']);
    expect(await post(form({ file: new Blob(['{"a": 1}']), purpose: 'assistants' }))).toEqual([400, 'purpose']);
    expect(onDisk()).toEqual(await known());
  });
});

describe('files on a small limit', () => {
  it('refuses a file that is larger than allowed', async () => {
    const gateway = await startGateway({ env: { TRIAD_UPLOAD_MAX_BYTES: '1000' } });
    try {
      const form = new FormData();
      form.append('file', new Blob(['{"a": 1}\n'.repeat(200)]), 'big.jsonl');
      form.append('purpose', 'fine-tune');
      const response = await gateway.fetch('/v1/files', { method: 'POST', body: form });
      expect([response.status, (await response.json() as { error: { code: string } }).error.code]).toEqual([413, 'too_large']);
      expect(readdirSync(join(gateway.home, 'files'))).toEqual([]);
    } finally {
      await gateway.stop();
      delete process.env['TRIAD_UPLOAD_MAX_BYTES'];
    }
  });
});
