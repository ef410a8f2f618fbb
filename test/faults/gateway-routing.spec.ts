import { Logger } from '@nestjs/common';
import OpenAI, { type APIError } from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { CallLog } from '../../src/calls/call-log.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { type ScriptedProvider, startScriptedProvider } from '../helpers/scripted-provider.js';

const messages = [{ role: 'user' as const, content: 'hello' }];
const QUICK = { backoffBaseMs: 1, backoffCapMs: 2 };

describe('#28 and its kin: providers that fail, stall and die behind a deployment', () => {
  let provider: ScriptedProvider;
  let gateway: Gateway;
  let openai: OpenAI;
  let deployments = 0;
  /** Models that no other test uses: `a`, `b`, … of this one. */
  let names: Record<'a' | 'b' | 'c', string>;

  beforeAll(async () => {
    provider = await startScriptedProvider();
    gateway = await startGateway();
    openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key, maxRetries: 0 });
    await gateway.graphql('mutation ($url: String!) { createProvider(input: { name: "p", baseUrl: $url }) { id } }', { url: provider.url });
  });
  afterAll(async () => {
    await gateway.stop();
    await provider.stop();
  });
  beforeEach(() => {
    deployments += 1;
    names = { a: `a${deployments}`, b: `b${deployments}`, c: `c${deployments}` };
  });

  /** A deployment over `a`, with the fallbacks named, whose name it answers with. */
  async function deploy(routing: object = {}, fallbacks: ('b' | 'c')[] = []): Promise<{ model: string; id: string }> {
    const model = `deployment-${deployments}`;
    const { createDeployment } = await gateway.graphql('mutation ($input: CreateDeploymentInput!) { createDeployment(input: $input) { id } }',
      { input: { name: model, routing: { arms: [{ target: `p/${names.a}` }], fallbacks: fallbacks.map((name) => `p/${names[name]}`), ...routing } } });
    return { model, id: createDeployment.id };
  }
  const ask = (model: string, more: object = {}, options: object = {}) => openai.chat.completions.create({ model, messages, ...more }, options) as Promise<OpenAI.ChatCompletion>;
  const said = async (model: string, more: object = {}, options: object = {}) => (await ask(model, more, options)).choices[0]!.message.content;
  const failure = (asked: Promise<unknown>) => asked.then(() => { throw new Error('it did not fail'); }, (error: unknown) => error as APIError);
  const asked = () => Object.values(names).flatMap((name) => provider.asked.filter((each) => each === name)).map((name) => name[0]).join('');
  const calls = async (deploymentId: string) => {
    await gateway.app.get(CallLog).flush();
    return (await gateway.graphql('query ($id: ID!) { calls(filter: { deploymentId: $id }, first: 100) { nodes { status errorCode attempts cached streamed target } } }', { id: deploymentId }))['calls'].nodes;
  };
  /** The text that came of a stream, and how it ended. */
  const streamed = async (model: string, options: object = {}) => {
    let text = '';
    const stream = await openai.chat.completions.create({ model, messages, stream: true }, options);
    const error = await (async () => { for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''; return null; })().catch((raised: unknown) => raised as APIError);
    return { text, error };
  };
  const metric = async (line: RegExp) => Number(line.exec(await (await fetch(`${gateway.url}/metrics`)).text())?.[1] ?? 0);

  it('asks again after a failure, and logs one call of two attempts', async () => {
    const { model, id } = await deploy({ retries: QUICK });
    provider.script(names.a, 500, 'ok');
    expect(await said(model)).toBe(`from ${names.a}`);
    expect(await calls(id)).toEqual([{ status: 200, errorCode: null, attempts: 2, cached: false, streamed: false, target: `p/${names.a}` }]);
  });

  it('asks again for a stream that failed before its first event', async () => {
    const { model, id } = await deploy({ retries: QUICK });
    provider.script(names.a, 'resets', 503, 'ok');
    expect(await streamed(model)).toEqual({ text: `from ${names.a}`, error: null });
    expect(await calls(id)).toMatchObject([{ attempts: 3, streamed: true }]);
  });

  it('falls back in order, whatever the kind of failure, and logs who answered', async () => {
    const { model, id } = await deploy({ retries: { max: 0 } }, ['b', 'c']);
    provider.script(names.a, 'resets', 401, 404, 529);
    provider.script(names.b, 503);
    for (let time = 0; time < 4; time += 1) expect(await said(model)).toBe(`from ${names.c}`);
    expect(asked()).toBe('aaaabbbbcccc');
    expect((await calls(id))[0]).toMatchObject({ attempts: 3, target: `p/${names.c}`, status: 200 });
  });

  it('tells what was tried when all have failed', async () => {
    const { model, id } = await deploy({ retries: { max: 0 } }, ['b']);
    provider.script(names.a, 500);
    provider.script(names.b, 'resets');
    expect(await failure(ask(model))).toMatchObject({ status: 502, code: 'upstream_failed', message: expect.stringMatching(/p\/a\d+ \(status 500: scripted 500\); p\/b\d+ \(.*does not answer/) });
    expect(await calls(id)).toMatchObject([{ status: 502, errorCode: 'upstream_failed', attempts: 2 }]);
  });

  it('does not repeat what is the caller\'s own fault', async () => {
    const { model } = await deploy({}, ['b']);
    provider.script(names.a, 400);
    expect(await failure(ask(model))).toMatchObject({ status: 400, message: expect.stringContaining('scripted 400') });
    expect(asked()).toBe('a');
  });

  it('waits as long as Retry-After says, if that is not too long', async () => {
    const { model } = await deploy({ retries: { ...QUICK, retryAfterCapMs: 1_500 } });
    provider.script(names.a, { status: 429, retryAfter: '1' }, 'ok', { status: 429, retryAfter: '60' });
    const before = performance.now();
    expect(await said(model)).toBe(`from ${names.a}`);
    expect(performance.now() - before).toBeGreaterThan(950); // it may not come sooner
    const refused = await failure(ask(model));
    expect([refused.status, refused.headers?.get('retry-after')]).toEqual([429, '60']);
    expect(asked()).toBe('aaa');
  });

  it('repeats nothing without a budget', async () => {
    const { model } = await deploy({ retries: { max: 5, ...QUICK, budgetRatio: 0, budgetPerSecond: 0 } });
    provider.script(names.a, 500);
    const before = await metric(/triad_gateway_retries_denied_total\{provider="p"\} (\d+)/);
    expect(await failure(ask(model))).toMatchObject({ status: 500 });
    expect(asked()).toBe('a');
    expect(await metric(/triad_gateway_retries_denied_total\{provider="p"\} (\d+)/)).toBe(before + 1);
  });

  it('leaves a failing target alone, and comes back to it', async () => {
    const { model } = await deploy({ retries: { max: 0 }, breaker: { minCalls: 2, failureRatio: 0.5, openSeconds: 1 } }, ['b']);
    provider.script(names.a, 500);
    for (let time = 0; time < 2; time += 1) expect(await said(model)).toBe(`from ${names.b}`);
    expect(await metric(/triad_gateway_breakers_open\{provider="p"\} (\d+)/)).toBe(1);
    const opened = asked();
    provider.script(names.a, 'ok');
    await expect.poll(() => said(model), { timeout: 10_000 }).toBe(`from ${names.a}`);
    expect(opened).toBe('aabb');
    expect(await metric(/triad_gateway_breakers_open\{provider="p"\} (\d+)/)).toBe(0);
  });

  it('answers at once when all targets are left alone', async () => {
    const { model } = await deploy({ retries: { max: 0 }, breaker: { minCalls: 1, openSeconds: 60 } });
    provider.script(names.a, 'resets');
    await failure(ask(model));
    expect(await failure(ask(model))).toMatchObject({ status: 503, code: 'unavailable', message: expect.stringContaining('left alone') });
    expect(asked()).toBe('a');
  });

  describe('time-outs', () => {
    it('give up an answer that does not come, and cancel it', async () => {
      const { model } = await deploy({ retries: { max: 0 }, timeouts: { firstByteMs: 200 } }, ['b']);
      provider.script(names.a, 'hangs');
      expect(await said(model)).toBe(`from ${names.b}`);
      await provider.gone[provider.asked.indexOf(names.a)];
    });

    it('give up a stream whose first event does not come', async () => {
      const { model } = await deploy({ retries: { max: 0 }, timeouts: { firstByteMs: 200 } }, ['b']);
      provider.script(names.a, 'no-first-event');
      expect(await streamed(model)).toEqual({ text: `from ${names.b}`, error: null });
      await provider.gone[provider.asked.indexOf(names.a)];
    });

    it('end the whole call', async () => {
      const { model } = await deploy({ retries: { max: 0 }, timeouts: { firstByteMs: 250, totalMs: 400 } }, ['b', 'c']);
      provider.script(names.a, 'hangs');
      provider.script(names.b, 'hangs');
      expect(await failure(ask(model))).toMatchObject({ status: 502, message: expect.stringContaining('400 ms of the call were over') });
      expect(asked()).toBe('ab');
    });

    it.each([['stalls', { idleMs: 300 }], ['endless', { firstByteMs: 500, totalMs: 600 }]] as const)('cut off a stream that %s: the client sees an error event, and upstream is cancelled', async (turn, timeouts) => {
      const { model } = await deploy({ timeouts });
      provider.script(names.a, turn);
      const { text, error } = await streamed(model);
      expect(text).toMatch(/^one /);
      expect(error).toMatchObject({ code: 'upstream_failed', message: expect.stringContaining('broke off') });
      await provider.gone[provider.asked.indexOf(names.a)];
    });
  });

  it('tells the client of a stream that dies midway, repeats nothing, and logs it once', async () => {
    const { model, id } = await deploy({ retries: QUICK, breaker: { minCalls: 1, openSeconds: 60 } }, ['b']);
    provider.script(names.a, 'dies');
    const warn = vi.spyOn(Logger.prototype, 'warn');
    const { text, error } = await streamed(model);
    expect([text, error]).toEqual(['one two ', expect.objectContaining({ code: 'upstream_failed' })]);
    expect(asked()).toBe('a');
    expect(warn.mock.calls.filter(([line]) => String(line).includes('broke off'))).toHaveLength(1);
    warn.mockRestore();
    expect(await calls(id)).toEqual([{ status: 200, errorCode: 'upstream_failed', attempts: 1, cached: false, streamed: true, target: `p/${names.a}` }]);
    expect((await streamed(model)).text).toBe(`from ${names.b}`); // it is held against the target
  });

  it.each([['a whole answer', 'hangs', false], ['a stream before its first event', 'no-first-event', true], ['a stream midway', 'stalls', true]] as const)('cancels %s when the client leaves, and blames no target', async (_, turn, stream) => {
    const { model, id } = await deploy({ breaker: { minCalls: 1, openSeconds: 60 } });
    provider.script(names.a, turn, 'ok');
    const leaving = new AbortController();
    const left = (stream ? streamed(model, { signal: leaving.signal }) : ask(model, {}, { signal: leaving.signal })).catch((error: unknown) => error);
    await expect.poll(() => provider.asked.includes(names.a)).toBe(true);
    leaving.abort();
    await provider.gone[provider.asked.indexOf(names.a)];
    await left;
    expect(await said(model)).toBe(`from ${names.a}`);
    await expect.poll(async () => (await calls(id)).map(({ status }: { status: number }) => status).sort()).toEqual([200, 499]);
  });

  it('splits callers by their key, and lets those on a canary stay when it grows', async () => {
    const [stable, canary] = [`p/${names.a}`, `p/${names.b}`];
    const { model } = await deploy({ arms: [{ target: stable, weight: 80 }, { target: canary, weight: 20 }] });
    const keys = Array.from({ length: 60 }, (_, index) => `user-${index}`);
    const onCanary = async (how: (key: string) => Promise<string | null>) => {
      const answers = await Promise.all(keys.map(how));
      return new Set(keys.filter((_, index) => answers[index] === `from ${names.b}`));
    };
    const byHeader = (key: string) => said(model, { user: 'somebody' }, { headers: { 'x-triad-sticky-key': key } });
    const before = await onCanary(byHeader);
    expect(before.size).toBeGreaterThan(2);
    expect(before.size).toBeLessThan(30);
    expect(await onCanary((key) => said(model, { user: key }))).toEqual(before);
    await gateway.graphql('mutation ($name: String!, $weights: [RoutingArmInput!]!) { setDeploymentWeights(name: $name, weights: $weights) { revision } }', { name: model, weights: [{ target: stable, weight: 50 }, { target: canary, weight: 50 }] });
    const after = await onCanary(byHeader);
    expect(after.size).toBeGreaterThan(before.size);
    expect([...before].filter((key) => !after.has(key))).toEqual([]);
  });

  describe('the answer cache', () => {
    const raw = async (model: string, more: object = {}, headers: Record<string, string> = {}) => {
      const response = await gateway.fetch('/v1/chat/completions', { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ model, messages, ...more }) });
      return { cache: response.headers.get('x-triad-cache'), age: response.headers.get('age'), text: await response.text() };
    };
    const kept = (model: string, more: object = {}) => expect.poll(async () => (await raw(model, more)).cache).toBe('hit');

    it('answers the same request once more, whole or as a stream, and logs it as free', async () => {
      const { model, id } = await deploy({ cache: { ttlSeconds: 60 } });
      const first = await raw(model);
      expect([first.cache, first.age]).toEqual(['miss', null]);
      await kept(model);
      const times = asked().length;
      expect(await raw(model, { user: 'another' })).toMatchObject({ cache: 'hit', age: expect.stringMatching(/^\d+$/), text: first.text });
      expect(await streamed(model)).toEqual({ text: `from ${names.a}`, error: null });
      expect(asked()).toHaveLength(times);
      expect((await raw(model, { stream: true })).text.trimEnd().endsWith('data: [DONE]')).toBe(true);
      expect((await raw(model, { temperature: 0.1 })).cache).toBe('miss');
      expect((await calls(id)).filter(({ cached }: { cached: boolean }) => cached)).toContainEqual({ status: 200, errorCode: null, attempts: 0, cached: true, streamed: true, target: `p/${names.a}` });
    });

    it('keeps a stream as the whole answer', async () => {
      const { model } = await deploy({ cache: { ttlSeconds: 60 } });
      expect((await streamed(model)).text).toBe(`from ${names.a}`);
      await kept(model);
      const { text } = await raw(model);
      expect(JSON.parse(text)).toMatchObject({ object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant', content: `from ${names.a}` }, finish_reason: 'stop' }], usage: { total_tokens: 5 } });
    });

    it('is left aside by who asks for that, and keeps no failures', async () => {
      const { model } = await deploy({ cache: { ttlSeconds: 60 }, retries: { max: 0 }, breaker: null });
      provider.script(names.a, 500, 'dies', 'ok');
      expect((await raw(model)).text).toContain('scripted 500');
      expect((await streamed(model)).error).not.toBeNull();
      expect((await raw(model, {}, { 'x-triad-cache-control': 'no-store' })).cache).toBe('miss');
      expect((await raw(model)).cache).toBe('miss');
      await kept(model);
      const times = asked().length;
      expect((await raw(model, {}, { 'x-triad-cache-control': 'no-cache' })).cache).toBe('miss');
      expect(asked()).toHaveLength(times + 1);
    });
  });

  describe('coalescing', () => {
    it('lets identical calls in flight share one, though one of them leaves', async () => {
      const { model, id } = await deploy({ coalesce: true });
      provider.script(names.a, 'waits');
      const leaving = new AbortController();
      const left = failure(ask(model, {}, { signal: leaving.signal }));
      await expect.poll(() => provider.asked.includes(names.a)).toBe(true);
      const others = [1, 2, 3].map(() => said(model));
      await expect.poll(() => metric(/^triad_gateway_coalesced_total (\d+)/m)).toBeGreaterThanOrEqual(3);
      leaving.abort();
      await left;
      await expect.poll(async () => (await calls(id)).length).toBe(1); // 499, so the gateway knows that it left
      provider.release();
      expect(await Promise.all(others)).toEqual([1, 2, 3].map(() => `from ${names.a}`));
      expect(asked()).toBe('a');
    });

    it('cancels the call when all have left, and is off by default', async () => {
      const { model } = await deploy({ coalesce: true });
      provider.script(names.a, 'waits');
      const leaving = new AbortController();
      const before = await metric(/^triad_gateway_coalesced_total (\d+)/m);
      const left = [1, 2].map(() => failure(ask(model, {}, { signal: leaving.signal })));
      await expect.poll(() => metric(/^triad_gateway_coalesced_total (\d+)/m)).toBe(before + 1);
      leaving.abort();
      await Promise.all(left);
      await provider.gone[provider.asked.indexOf(names.a)];
      provider.script(names.a, 'ok');
      const plain = `p/${names.b}`;
      provider.script(names.b, 'waits');
      const two = [said(plain), said(plain)];
      await expect.poll(() => provider.asked.filter((name) => name === names.b).length).toBe(2);
      provider.release();
      await Promise.all(two);
    });
  });
});
