import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Cancellation, type CancelSignal, reasonOf } from '../../common/cancellation.js';
import { DomainError } from '../../common/errors.js';
import { type RoutingChange, routingTo, routingWith } from '../../deployments/routing-policy.js';
import { Failover } from './failover.js';
import type { Candidate, Route } from './route.js';
import { TargetHealth } from './target-health.js';
import { verdictOf } from './verdict.js';

interface Reply { status: number; headers?: Record<string, string>; error?: { message: string; code: unknown }; dropped?: boolean }
type Script = (signal: CancelSignal) => Promise<Reply>;

const ok: Script = () => Promise.resolve({ status: 200 });
const status = (code: number, headers: Record<string, string> = {}, error?: Reply['error']): Script => () => Promise.resolve({ status: code, headers, ...(error && { error }) });
const unreachable: Script = () => Promise.reject(new DomainError('upstream_failed', 'does not answer'));
const never: Script = (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(reasonOf(signal))));
const candidate = (name: string): Candidate => ({ name, provider: name, key: `k ${name}`, target: {} as never, problem: null });

/** Targets `a`, `b`, … each answer by their script, the last line of it for ever. */
function setUp(scripts: Record<string, Script[]>, change: RoutingChange = {}) {
  const names = Object.keys(scripts);
  const health = new TargetHealth();
  const failover = new Failover(health);
  const policy = routingWith(routingTo(names[0]!), { fallbacks: names.slice(1), ...change });
  const route: Route = { id: 'dep_1', deployment: null, policy, orders: [names.map(candidate)] };
  const asked: string[] = [];
  const signals: CancelSignal[] = [];
  const dropped: Reply[] = [];
  const call = (signal: CancelSignal = new Cancellation()) => failover.run<Reply>(route, 0, signal, {
    attempt: ({ name }, own) => {
      asked.push(name);
      signals.push(own);
      const script = scripts[name]!;
      return (script.length > 1 ? script.shift()! : script[0]!)(own);
    },
    judge: ({ status: code, headers = {}, error }) => verdictOf({ status: code, headers, error: error ?? null }, policy.retries.alsoOn),
    discard: (reply) => dropped.push(reply),
  });
  return { route, health, failover, asked, signals, dropped, call };
}
const many = async (times: number, work: () => Promise<unknown>) => { for (let time = 0; time < times; time += 1) await work().catch(() => undefined); };

describe('Failover', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });
  /** Runs the clock on until the call has ended. */
  const ended = async <T>(work: Promise<T>): Promise<{ value?: T; error?: any }> => {
    const outcome = work.then((value) => ({ value }), (error: unknown) => ({ error }));
    await vi.runAllTimersAsync();
    return outcome;
  };

  it('hands on the first answer, and refusals that are the caller\'s own fault', async () => {
    const { call, asked } = setUp({ a: [ok, status(400), status(422), status(413)], b: [ok] });
    for (const code of [200, 400, 422, 413]) expect((await ended(call())).value).toMatchObject({ answer: { status: code }, candidate: { name: 'a' }, attempts: 1 });
    expect(asked).toEqual(['a', 'a', 'a', 'a']);
  });

  it.each([408, 409, 425, 429, 500, 502, 503, 504, 529])('asks again after %i', async (code) => {
    const { call, asked, dropped } = setUp({ a: [status(code), ok] });
    expect((await ended(call())).value).toMatchObject({ answer: { status: 200 }, attempts: 2 });
    expect(asked).toEqual(['a', 'a']);
    expect(dropped).toEqual([expect.objectContaining({ status: code })]);
  });

  it('asks again after a failed connection, and after statuses that the owner names', async () => {
    expect((await ended(setUp({ a: [unreachable, ok] }).call())).value).toMatchObject({ attempts: 2 });
    expect((await ended(setUp({ a: [status(418), ok] }, { retries: { alsoOn: [418] } }).call())).value).toMatchObject({ attempts: 2 });
  });

  it.each([401, 402, 403, 404])('does not ask the same target again after %i, but the next', async (code) => {
    const { call, asked } = setUp({ a: [status(code)], b: [ok] });
    expect((await ended(call())).value).toMatchObject({ candidate: { name: 'b' }, attempts: 2 });
    expect(asked).toEqual(['a', 'b']);
  });

  it('goes on at once where waiting mends nothing: an account without money', async () => {
    const { call, asked } = setUp({ a: [status(429, {}, { message: 'You exceeded your quota', code: 'insufficient_quota' })], b: [ok] });
    await ended(call());
    expect(asked).toEqual(['a', 'b']);
  });

  it('asks fallbacks in order, the repeats of the whole call being bounded', async () => {
    const { call, asked } = setUp({ a: [status(500)], b: [unreachable], c: [ok] });
    expect((await ended(call())).value).toMatchObject({ candidate: { name: 'c' }, attempts: 5 });
    expect(asked).toEqual(['a', 'a', 'a', 'b', 'c']);
  });

  it('tells what was tried when nothing answered', async () => {
    const { error } = await ended(setUp({ a: [status(503, {}, { message: 'overloaded', code: null })], b: [unreachable] }, { retries: { max: 0 } }).call());
    expect(error).toMatchObject({ name: 'FailoverError', code: 'upstream_failed', status: 502, attempts: 2, message: 'No target answered. Tried: a (status 503: overloaded); b (does not answer).' });
    const busy = await ended(setUp({ a: [status(429, { 'retry-after': '30' })], b: [status(429, { 'retry-after': '7' })] }).call());
    expect(busy.error).toMatchObject({ code: 'rate_limited', retryAfterMs: 7_000 });
  });

  it('leaves out what a provider says of a key', async () => {
    const { error } = await ended(setUp({ a: [status(401, {}, { message: 'Incorrect API key sk-12*56', code: null })], b: [status(500)] }, { retries: { max: 0 } }).call());
    expect(error.message).not.toContain('sk-12');
  });

  it('tells an only attempt\'s failure as it is', async () => {
    expect((await ended(setUp({ a: [status(429)] }, { retries: { max: 0 } }).call())).value).toMatchObject({ answer: { status: 429 }, attempts: 1 });
    expect((await ended(setUp({ a: [unreachable] }, { retries: { max: 0 } }).call())).error).toMatchObject({ code: 'upstream_failed', message: 'does not answer' });
  });

  it('throws on what no target is to blame for, and blames none', async () => {
    const { call, asked, health } = setUp({ a: [() => Promise.reject(new DomainError('bad_input', 'no'))], b: [ok] }, { breaker: { minCalls: 1 } });
    expect((await ended(call())).error).toMatchObject({ code: 'bad_input' });
    expect(asked).toEqual(['a']);
    expect(health.open().size).toBe(0);
  });

  it('passes over a target that is gone', async () => {
    const { call, route } = setUp({ a: [ok], b: [ok] });
    Object.assign(route.orders[0]![0]!, { target: null, problem: new DomainError('model_not_found', 'gone') });
    expect((await ended(call())).value).toMatchObject({ candidate: { name: 'b' }, attempts: 1 });
  });

  describe('waits', () => {
    it('for a Retry-After within its cap, and for no longer one', async () => {
      const one = setUp({ a: [status(429, { 'retry-after': '3' }), ok] });
      const before = performance.now();
      expect((await ended(one.call())).value).toMatchObject({ attempts: 2 });
      expect(performance.now() - before).toBeGreaterThanOrEqual(3_000);
      const two = setUp({ a: [status(429, { 'retry-after': '60' }), ok] });
      expect((await ended(two.call())).value).toMatchObject({ answer: { status: 429 }, attempts: 1 });
    });

    it('for none while another target can be asked', async () => {
      const { call, asked } = setUp({ a: [status(429, { 'retry-after': '1' })], b: [ok] });
      const before = performance.now();
      await ended(call());
      expect(asked).toEqual(['a', 'b']);
      expect(performance.now() - before).toBe(0);
    });

    it('by full jitter, twice as long each time, up to a cap', async () => {
      const random = vi.spyOn(Math, 'random').mockReturnValue(0.999_999);
      const { call } = setUp({ a: [status(500)] }, { retries: { max: 5, backoffBaseMs: 100, backoffCapMs: 500 } });
      const before = performance.now();
      await ended(call());
      random.mockRestore();
      // The clock of tests drops parts of milliseconds.
      expect(Math.abs(performance.now() - before - (100 + 200 + 400 + 500 + 500))).toBeLessThanOrEqual(5);
    });
  });

  describe('time-outs', () => {
    it('gives an attempt up that takes too long, and cancels it', async () => {
      const { call, signals } = setUp({ a: [never], b: [ok] }, { timeouts: { firstByteMs: 500 }, retries: { max: 0 } });
      expect((await ended(call())).value).toMatchObject({ candidate: { name: 'b' }, attempts: 2 });
      expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    });

    it('ends the whole call in time, whatever is left to try', async () => {
      const { call, asked } = setUp({ a: [never], b: [never], c: [ok] }, { timeouts: { firstByteMs: 700, totalMs: 1_000 }, retries: { max: 0 } });
      const before = performance.now();
      expect((await ended(call())).error).toMatchObject({ code: 'upstream_failed', message: expect.stringContaining('a (no answer within 700 ms); b (no answer when the 1000 ms of the call were over)') });
      expect([performance.now() - before, asked]).toEqual([1_000, ['a', 'b']]);
    });

    it('drops an answer that comes after its attempt was given up', async () => {
      const late: Script = () => new Promise((resolve) => setTimeout(() => resolve({ status: 200, dropped: true }), 900));
      const { call, dropped } = setUp({ a: [late], b: [ok] }, { timeouts: { firstByteMs: 500 }, retries: { max: 0 } });
      expect((await ended(call())).value).toMatchObject({ candidate: { name: 'b' } });
      expect(dropped).toEqual([{ status: 200, dropped: true }]);
    });

    it('says how long one had', async () => {
      expect((await ended(setUp({ a: [never] }, { timeouts: { firstByteMs: 500 }, retries: { max: 0 } }).call())).error).toMatchObject({ code: 'upstream_failed', message: expect.stringContaining('no answer within 500 ms') });
    });
  });

  describe('a caller who leaves', () => {
    it.each(['attempt', 'wait'])('ends the %s at once, and no target is blamed', async (during) => {
      const { call, signals, health } = setUp({ a: [during === 'attempt' ? never : status(500)], b: [ok] }, { breaker: { minCalls: 1, failureRatio: 1 }, retries: { backoffBaseMs: 60_000, backoffCapMs: 60_000, max: 1 } });
      if (during === 'wait') vi.spyOn(Math, 'random').mockReturnValueOnce(0.9);
      const leaving = new Cancellation();
      const asked = call(leaving).catch((error: unknown) => error);
      await vi.advanceTimersByTimeAsync(10);
      const reason = new Error('left');
      leaving.abort(reason);
      expect(await asked).toBe(reason);
      if (during === 'attempt') expect(signals[0]!.reason).toBe(reason);
      expect(health.open().size).toBe(during === 'attempt' ? 0 : 1);
    });

    it('asks nothing when he had left before', async () => {
      const { call, asked } = setUp({ a: [ok] });
      const left = new Cancellation();
      left.abort();
      expect((await ended(call(left))).error).toMatchObject({ name: 'AbortError' });
      expect(asked).toEqual([]);
    });

    it('cancels a stream that goes on after it was answered', async () => {
      const { call, signals } = setUp({ a: [ok] });
      const leaving = new Cancellation();
      await ended(call(leaving));
      leaving.abort();
      expect(signals[0]!.aborted).toBe(true);
    });
  });

  describe('the breaker', () => {
    const breaker = { failureRatio: 0.5, minCalls: 4, windowSeconds: 30, openSeconds: 10 };

    it('has a target left alone that fails, and tried again after a rest', async () => {
      const { call, asked, health } = setUp({ a: [status(500), status(500), status(500), status(500), status(500), ok], b: [ok] }, { breaker, retries: { max: 0 } });
      await many(6, call);
      expect(asked.join('')).toBe('ababababbb');
      expect(health.open()).toEqual(new Map([['a', 1]]));
      vi.advanceTimersByTime(10_000);
      await many(2, call); // the probe fails
      expect(asked.splice(10).join('')).toBe('abb');
      vi.advanceTimersByTime(10_000);
      await many(2, call);
      expect(asked.splice(10).join('')).toBe('aa');
      expect(health.open().size).toBe(0);
    });

    it('answers at once that all targets rest', async () => {
      const { call, asked } = setUp({ a: [unreachable] }, { breaker, retries: { max: 0 } });
      await many(4, call);
      expect((await ended(call())).error).toMatchObject({ code: 'unavailable', status: 503, attempts: 0, retryAfterMs: 10_000, message: expect.stringContaining('left alone') });
      expect(asked).toHaveLength(4);
    });

    it('counts streams that broke off', async () => {
      const { call, failover, route, health } = setUp({ a: [ok] }, { breaker });
      for (let time = 0; time < 4; time += 1) failover.brokeOff(route, (await call()).candidate);
      expect(health.open().get('a')).toBe(1);
    });

    it('can be switched off', async () => {
      const { call, asked } = setUp({ a: [unreachable] }, { breaker: null, retries: { max: 0 } });
      await many(50, call);
      expect(asked).toHaveLength(50);
    });
  });

  it('repeats no more than the budget allows when everything fails', async () => {
    const { call, asked } = setUp({ a: [status(500)] }, { breaker: null, retries: { max: 2, budgetRatio: 0.1, budgetPerSecond: 0 } });
    for (let time = 0; time < 200; time += 1) await ended(call());
    // What was saved up, and a tenth of the calls; the first call finds the savings full.
    expect(asked.length - 200).toBeGreaterThanOrEqual(10 + 19);
    expect(asked.length - 200).toBeLessThanOrEqual(10 + 20);
    const none = setUp({ a: [status(500)] }, { retries: { max: 2, budgetRatio: 0, budgetPerSecond: 0 } });
    await ended(none.call());
    expect(none.asked).toHaveLength(1);
  });
});
