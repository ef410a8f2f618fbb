import { Logger } from '@nestjs/common';
import type { Server } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

const logger = new Logger('Shutdown');

/** Knows which requests of a server are under way, so that it can stop without breaking them off. */
export class RequestDrain {
  private readonly active = new Set<object>();
  private draining = false;
  private drained: (() => void) | null = null;

  constructor(private readonly server: Server) {
    server.prependListener('request', (_request, response) => {
      if (this.draining) response.setHeader('connection', 'close');
      this.active.add(response);
      response.once('close', () => {
        this.active.delete(response);
        if (this.active.size === 0) this.drained?.();
      });
    });
  }

  /**
   * Accepts no more connections and waits until the requests under way are answered, streams included; what is still going
   * after the grace time is broken off.
   */
  async drain(graceMs: number): Promise<void> {
    this.draining = true;
    const done = this.active.size === 0 ? Promise.resolve() : new Promise<void>((resolve) => { this.drained = resolve; });
    this.server.close(); // and with it idle connections
    await Promise.race([done, wait(graceMs, undefined, { ref: false })]);
    if (this.active.size > 0) logger.warn(`${this.active.size} requests were still under way after ${graceMs} ms and are broken off.`);
    this.server.closeAllConnections();
  }
}

/**
 * On the first SIGTERM or SIGINT: stops, and exits with 0. Further signals change nothing.
 * @param limitMs exits nevertheless when stopping takes longer; null: waits as long as it takes
 */
export function stopOnSignal(stop: () => Promise<void>, limitMs: number | null): void {
  let stopping = false;
  const end = async (signal: NodeJS.Signals) => {
    if (stopping) return;
    stopping = true;
    logger.log(`${signal}: stopping`);
    const limit = limitMs === null ? [] : [wait(limitMs, undefined, { ref: false }).then(() => logger.warn(`Stopping took longer than ${limitMs} ms; exiting.`))];
    try {
      await Promise.race([stop(), ...limit]);
      process.exit(0);
    } catch (error) {
      logger.error(`Stopping failed: ${error instanceof Error ? error.stack : String(error)}`);
      process.exit(1);
    }
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void end(signal));
}
