import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { assertPublished } from '../helpers/openai-fake/check.js';
import { runOpenAiPython } from '../helpers/openai-python.js';
import { gather } from '../helpers/openai-sides.js';
import { type Runtime, startRuntime } from '../helpers/runtime.js';
import { makeTinyModel } from '../helpers/tiny-model.js';

const messages = [{ role: 'user' as const, content: 'Say something.' }];

/** Passes requests on to a server, and keeps for each chat whether its client left before the answer had ended. */
async function watch(target: string) {
  const chats: { gone: Promise<boolean> }[] = [];
  const server = createServer((incoming, outgoing) => {
    const upstream = request(`${target}${incoming.url!}`, { method: incoming.method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(outgoing);
    });
    upstream.on('error', () => outgoing.destroy());
    if (incoming.url === '/v1/chat/completions') {
      chats.push({ gone: new Promise((resolve) => outgoing.once('close', () => { resolve(!outgoing.writableFinished); })) });
    }
    outgoing.once('close', () => upstream.destroy());
    incoming.pipe(upstream);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, chats, stop: () => { server.closeAllConnections(); server.close(); } };
}

describe('the official clients and the embedded runtime', () => {
  let runtime: Runtime;
  let watched: Awaited<ReturnType<typeof watch>>;
  let gateway: Gateway;
  let openai: OpenAI;
  beforeAll(async () => {
    runtime = await startRuntime();
    watched = await watch(runtime.url);
    gateway = await startGateway({ env: { TRIAD_RUNTIME_URL: watched.url } });
    openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key, maxRetries: 0 });
    makeTinyModel(gateway.home);
    await gateway.graphql('mutation { registerBaseModel(input: { name: "tiny", source: "tiny", licence: "apache-2.0" }) { id } }');
  });
  afterAll(async () => {
    await gateway.stop();
    watched.stop();
    await runtime.kill();
  });

  it('answers as OpenAI\'s schema says, whole and in each piece of a stream', async () => {
    const create = { model: 'models:/tiny@latest', messages, max_tokens: 6, n: 2, temperature: 0 };
    assertPublished('ChatCompletion', await openai.chat.completions.create(create));
    const chunks = await gather(await openai.chat.completions.create({ ...create, stream: true, stream_options: { include_usage: true } }));
    for (const chunk of chunks) assertPublished('ChatCompletionChunk', chunk);
    expect(chunks[0]!.choices[0]!.delta.role).toBe('assistant');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 12 } });
    expect(await openai.chat.completions.stream(create).finalChatCompletion()).toMatchObject({ choices: [{ index: 0, finish_reason: 'length' }, { index: 1, finish_reason: 'length' }] });
  });

  it('stops computing when the client leaves, in the middle of a stream and before an answer', async () => {
    // Greedy, since a sampled end of the answer may come at any token; eight answers, so that it takes its time.
    const create = { model: 'models:/tiny@latest', messages, max_tokens: 400, temperature: 0, n: 8 };
    const stream = await openai.chat.completions.create({ ...create, stream: true });
    for await (const _ of stream) break;
    expect(await watched.chats.at(-1)!.gone).toBe(true);
    const before = watched.chats.length;
    const leaving = new AbortController();
    const asked = openai.chat.completions.create(create, { signal: leaving.signal }).catch((error: unknown) => error);
    await expect.poll(() => watched.chats.length).toBe(before + 1);
    leaving.abort();
    expect(await watched.chats.at(-1)!.gone).toBe(true);
    expect(await asked).toBeInstanceOf(OpenAI.APIUserAbortError);
  });

  it('serves the official Python client', async () => {
    const side = { name: 'registered', base_url: `${gateway.url}/v1`, api_key: gateway.key, prefix: 'models:/tiny', through_triad: true };
    const { code, output } = await runOpenAiPython([side], ['test_runtime.py']);
    expect(code, output).toBe(0);
  });
});
