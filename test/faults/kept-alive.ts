import { setTimeout as wait } from 'node:timers/promises';
import type { ServiceProcess, WorkerProcess } from '../helpers/worker-process.js';

/** A process that is started again whenever it ends, as an orchestrator would. */
export class KeptAlive {
  /** When it first was ready. */
  readonly up: Promise<void>;
  /** Ends that nobody asked for. */
  readonly unexpected: string[] = [];
  private current: ServiceProcess | null = null;
  private ending = false;

  constructor(private readonly name: string, start: () => Promise<ServiceProcess>) {
    this.up = new Promise((ready) => void this.run(start, ready));
  }

  kill(): void {
    this.current?.process.kill('SIGKILL');
  }

  async stopFor(milliseconds: number): Promise<void> {
    const stopped = this.current?.process;
    stopped?.kill('SIGSTOP');
    await wait(milliseconds);
    stopped?.kill('SIGCONT');
  }

  /** Process ids of a worker's trainers. */
  trainers(): number[] {
    return (this.current as WorkerProcess | null)?.trainers() ?? [];
  }

  async end(): Promise<void> {
    this.ending = true;
    await this.current?.end('SIGTERM');
  }

  private async run(start: () => Promise<ServiceProcess>, ready: () => void): Promise<void> {
    while (!this.ending) {
      const started = await start().catch(() => null); // Postgres may be away
      if (!started) {
        await wait(500);
        continue;
      }
      this.current = started;
      ready();
      await started.ended;
      const { exitCode, signalCode } = started.process;
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- end() may have been called during the wait
      if (!this.ending && signalCode !== 'SIGKILL') this.unexpected.push(`${this.name} ended by itself: ${signalCode ?? exitCode}`);
    }
  }
}
