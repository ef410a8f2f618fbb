import { Slices } from './slices.js';

/** Of the process' time that one call's texts may take, and those of a project in a pass: then it is others' turn. */
const RECORD_MS = 1_000;
const PASS_MS = 500;

/** It is left to the next pass. */
export const LATER = Symbol('later');
/** A row; null for a call that is not to be kept. */
export type Prepared = string | null | typeof LATER;

/** The making of a row that may take long. */
export interface Task {
  projectId: string;
  work: Generator<void, string>;
  /** Makes the row that stands for one that takes too long. */
  bare: () => string;
  /** Milliseconds so far. */
  used: number;
}

/** One pass of the log's writer over its queue: in slices, and with a share of it for each project. */
export class Pass {
  private readonly slices = new Slices();
  private readonly used = new Map<string, number>();

  isOver(): boolean {
    return this.slices.isOver();
  }

  letOthersRun(): Promise<void> {
    return this.slices.letOthersRun();
  }

  hadShare(projectId: string): boolean {
    return (this.used.get(projectId) ?? 0) >= PASS_MS;
  }

  /** @returns undefined when the slice is over before the row is there. */
  run(task: Task): string | undefined {
    for (let from = performance.now(); ;) {
      const step = task.work.next();
      const now = performance.now();
      task.used += now - from;
      this.used.set(task.projectId, (this.used.get(task.projectId) ?? 0) + now - from);
      from = now;
      if (step.done) return step.value;
      if (task.used > RECORD_MS) return task.bare();
      if (this.slices.isOver(now)) return undefined;
    }
  }

  async finish(task: Task): Promise<string> {
    for (;;) {
      await this.slices.letOthersRun();
      const row = this.run(task);
      if (row !== undefined) return row;
    }
  }
}
