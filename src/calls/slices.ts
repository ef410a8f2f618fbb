import { setImmediate as yieldNow } from 'node:timers/promises';

/** How long the process' one thread is held at a time. */
const SLICE_MS = 4;

/** All who wait for a slice, in their order: one slice in each turn of the event loop. */
let line = Promise.resolve();

/** Work in stretches of time in which nothing else in the process runs. */
export class Slices {
  private endsAt = performance.now() + SLICE_MS;

  isOver(now = performance.now()): boolean {
    return now >= this.endsAt;
  }

  async letOthersRun(): Promise<void> {
    line = line.then(() => yieldNow());
    await line;
    this.endsAt = performance.now() + SLICE_MS;
  }
}

/** Runs work that yields between its pieces. @returns undefined when it took more than `ms` of the process' time, and was given up. */
export async function inSlices<T>(work: Generator<void, T>, ms: number): Promise<T | undefined> {
  const slices = new Slices();
  for (let used = 0; ;) {
    const from = performance.now();
    const step = work.next();
    if (step.done) return step.value;
    const now = performance.now();
    if ((used += now - from) > ms) return undefined;
    if (slices.isOver(now)) await slices.letOthersRun();
  }
}
