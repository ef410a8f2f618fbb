import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const GRACE_MS = 30_000;
const MAX_BACKOFF_MS = 10_000;
const TRIES_TO_START = 3;

interface Options {
  cwd?: string;
  env: NodeJS.ProcessEnv;
  /** Output goes to `<home>/logs/<name>.log`. */
  home: string;
}

/** A child process that is started again whenever it ends, until it is stopped. */
export class Supervised {
  /** Resolves when the child first says that it is ready (an IPC message, or a JSON line with `ready` on stdout); rejects when it ends three times before that. */
  readonly ready: Promise<void>;
  private markReady: () => void;
  private giveUp: (reason: Error) => void;
  private tail = '';
  private child: ChildProcess;
  private stopping = false;
  private failures = 0;

  constructor(readonly name: string, private readonly command: string, private readonly args: string[], private readonly options: Options) {
    this.ready = new Promise((resolve, reject) => {
      this.markReady = resolve;
      this.giveUp = reject;
    });
    this.ready.catch(() => undefined); // awaited by the launcher in its own time
    this.start();
  }

  /** SIGTERM, and after the grace time SIGKILL. */
  async stop(): Promise<void> {
    this.stopping = true;
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await Promise.race([ended, wait(GRACE_MS, undefined, { ref: false }).then(() => this.child.kill('SIGKILL'))]);
    await ended;
  }

  private start(): void {
    mkdirSync(join(this.options.home, 'logs'), { recursive: true });
    const log = createWriteStream(join(this.options.home, 'logs', `${this.name}.log`), { flags: 'a' });
    const { cwd, env } = this.options;
    const keep = (chunk: Buffer) => {
      this.tail = (this.tail + chunk.toString()).slice(-3000);
      log.write(chunk);
    };
    // stdin stays open as long as this process lives: its end tells the child that the parent is gone.
    this.child = spawn(this.command, this.args, { ...(cwd && { cwd }), env, stdio: ['pipe', 'pipe', 'pipe', 'ipc'], detached: true });
    this.child.stdout?.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('"ready"')) this.markReady();
      keep(chunk);
    });
    this.child.stderr?.on('data', keep);
    this.child.on('message', () => this.markReady());
    this.child.on('error', (error) => log.write(`${String(error)}\n`));
    const startedAt = performance.now();
    this.child.on('exit', (code, signal) => void this.again(code, signal, startedAt));
  }

  private async again(code: number | null, signal: string | null, startedAt: number): Promise<void> {
    if (this.stopping) return;
    this.failures = performance.now() - startedAt > 60_000 ? 1 : this.failures + 1;
    if (this.failures >= TRIES_TO_START) this.giveUp(new Error(`${this.name} does not start. The end of its output:\n${this.tail}`));
    console.error(`${this.name} ended (${signal ?? code}); starting it again. See ${join(this.options.home, 'logs', `${this.name}.log`)}`);
    await wait(Math.min(MAX_BACKOFF_MS, 250 * 2 ** (this.failures - 1)));
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- stop() may have been called during the wait
    if (!this.stopping) this.start();
  }
}
