import { describe, expect, it, vi } from 'vitest';
import { Cancellation, type CancelSignal } from '../../common/cancellation.js';
import { Coalescer } from './coalescer.js';

/** A call that ends when the test says so. */
function pending() {
  let resolve!: (value: string) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<string>((done, failed) => { [resolve, reject] = [done, failed]; });
  const signals: CancelSignal[] = [];
  const call = vi.fn((signal: CancelSignal) => {
    signals.push(signal);
    return promise;
  });
  return { call, signals, resolve, reject };
}
const outcome = (promise: Promise<unknown>) => promise.then((value) => ({ value }), (error: unknown) => ({ error }));

describe('Coalescer', () => {
  it('shares one call among those who ask for the same, and starts anew afterwards', async () => {
    const coalescer = new Coalescer();
    const { call, resolve } = pending();
    const asked = [1, 2, 3].map(() => coalescer.run('k', new Cancellation(), call));
    const other = coalescer.run('other', new Cancellation(), () => Promise.resolve('o'));
    resolve('a');
    expect(await Promise.all(asked)).toEqual([{ answer: 'a', shared: false }, { answer: 'a', shared: true }, { answer: 'a', shared: true }]);
    expect(await other).toEqual({ answer: 'o', shared: false });
    expect(call).toHaveBeenCalledOnce();
    expect(coalescer.size).toBe(0);
    expect(await coalescer.run('k', new Cancellation(), () => Promise.resolve('b'))).toEqual({ answer: 'b', shared: false });
  });

  it('tells all of a failure', async () => {
    const coalescer = new Coalescer();
    const { call, reject } = pending();
    const asked = [1, 2].map(() => outcome(coalescer.run('k', new Cancellation(), call)));
    const failure = new Error('no');
    reject(failure);
    expect(await Promise.all(asked)).toEqual([{ error: failure }, { error: failure }]);
    expect(coalescer.size).toBe(0);
  });

  it('lets one leave, also the first, and goes on for the others', async () => {
    const coalescer = new Coalescer();
    const { call, signals, resolve } = pending();
    const leaving = new Cancellation();
    const [first, second] = [outcome(coalescer.run('k', leaving, call)), coalescer.run('k', new Cancellation(), call)];
    const reason = new Error('left');
    leaving.abort(reason);
    expect(await first).toEqual({ error: reason });
    expect(signals[0]!.aborted).toBe(false);
    resolve('a');
    expect((await second).answer).toBe('a');
  });

  it('cancels the call when all have left, and who comes then starts another', async () => {
    const coalescer = new Coalescer();
    const { call, signals } = pending();
    const leaving = [new Cancellation(), new Cancellation()];
    const asked = leaving.map((signal) => outcome(coalescer.run('k', signal, call)));
    leaving.forEach((each) => each.abort());
    await Promise.all(asked);
    expect(signals[0]!.aborted).toBe(true);
    expect((await coalescer.run('k', new Cancellation(), () => Promise.resolve('new'))).answer).toBe('new');
    await expect(coalescer.run('k', leaving[0]!, call)).rejects.toMatchObject({ name: 'AbortError' });
    expect(call).toHaveBeenCalledOnce();
  });
});
