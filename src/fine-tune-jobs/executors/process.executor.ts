import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { CONFIG, type Config } from '../../config/config.js';
import { currentTraceparent, inSpan } from '../../observability/trace-context.js';
import { Reconciles } from '../../queue/reconciles.js';

/** How a trainer's process ended. */
export interface TrainerExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Its last lines on standard error. */
  stderr: string;
}

export interface TrainerSignals {
  /** Asks it to write a checkpoint and end. */
  stop: AbortSignal;
  /** Ends it at once. */
  kill: AbortSignal;
}

const STDERR_LINES = 100;
const STDERR_CHARACTERS = 16_000;
/** What a trainer gets of this process's environment; the rest holds secrets of the gateway. */
const PASSED_ON = ['PATH', 'LANG', 'LC_ALL', 'TMPDIR', 'CUDA_VISIBLE_DEVICES', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH'];

/** Runs trainers as child processes of the worker. Standard input ties a trainer to it: when the worker is gone, it stops. */
@Injectable()
export class ProcessExecutor implements OnModuleDestroy {
  private readonly logger = new Logger(ProcessExecutor.name);
  private warm: Trainer | null = null;
  private closing = false;

  constructor(@Inject(CONFIG) private readonly config: Config) {}

  /**
   * Hands the spec to a trainer, the one kept warm if there is one, and waits for its end.
   * @param token the attempt's one-run token; it goes through standard input and is in no argument and no file
   * @throws Error when no trainer can be started.
   */
  execute(specPath: string, token: string, signals: TrainerSignals): Promise<TrainerExit> {
    return inSpan('trainer', () => this.hand(specPath, token, signals));
  }

  private async hand(specPath: string, token: string, signals: TrainerSignals): Promise<TrainerExit> {
    const trainer = this.takeTrainer();
    const stop = () => trainer.child.kill('SIGTERM');
    const kill = () => trainer.child.kill('SIGKILL');
    signals.stop.addEventListener('abort', stop);
    signals.kill.addEventListener('abort', kill);
    try {
      trainer.child.stdin!.write(`${JSON.stringify({ spec: specPath, token, traceparent: currentTraceparent() ?? undefined })}\n`);
      if (signals.stop.aborted) stop();
      if (signals.kill.aborted) kill();
      return await trainer.exit;
    } finally {
      signals.stop.removeEventListener('abort', stop);
      signals.kill.removeEventListener('abort', kill);
    }
  }

  /** Workers call this at their start and every few seconds: one trainer has imported its libraries and waits. */
  @Reconciles()
  keepWarm(): Promise<number> {
    if (!this.config.TRIAD_WARM_TRAINER || this.closing || this.warm?.isWaiting) return Promise.resolve(0);
    this.warm = this.start();
    this.warm.exit.catch((error: unknown) => this.logger.error(String(error)));
    return Promise.resolve(1);
  }

  async onModuleDestroy(): Promise<void> {
    this.closing = true;
    this.warm?.child.kill('SIGKILL'); // it has nothing to lose
    await this.warm?.exit.catch(() => undefined);
  }

  private takeTrainer(): Trainer {
    const trainer = this.warm?.isWaiting ? this.warm : this.start();
    this.warm = null;
    void this.keepWarm();
    return trainer;
  }

  private start(): Trainer {
    return new Trainer(this.config.TRIAD_PYTHON, this.config.TRIAD_TRAINER_DIR);
  }
}

/** One trainer process; it imports its libraries and then waits for its spec on standard input. */
class Trainer {
  readonly child: ChildProcess;
  /** Rejects when the process could not be started. */
  readonly exit: Promise<TrainerExit>;

  constructor(python: string, directory: string) {
    // A relative path would be looked up from the trainer's directory.
    const command = python.includes('/') ? resolve(python) : python;
    this.child = spawn(command, ['-m', 'triad_trainer', 'run', '-', '--stop-on-stdin-eof'], {
      cwd: directory, env: trainerEnvironment(), stdio: ['pipe', 'ignore', 'pipe'],
    });
    this.child.stdin!.on('error', () => undefined); // it ended first; its exit tells
    this.exit = this.wait(command);
  }

  get isWaiting(): boolean {
    return this.child.pid !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  private async wait(command: string): Promise<TrainerExit> {
    let tail = '';
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => { tail = lastLines(tail + text); });
    try {
      const [code, signal] = await once(this.child, 'close') as [number | null, NodeJS.Signals | null];
      return { code, signal, stderr: tail };
    } catch (error) {
      throw new Error(`The trainer cannot be started: ${(error as Error).message}. Check TRIAD_PYTHON (${command}) and TRIAD_TRAINER_DIR.`);
    }
  }
}

const lastLines = (text: string): string => text.slice(-STDERR_CHARACTERS).split('\n').slice(-STDERR_LINES - 1).join('\n');

function trainerEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.fromEntries(PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
  return {
    ...kept, PYTHONUNBUFFERED: '1', OMP_WAIT_POLICY: 'PASSIVE', HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false',
    // Sets are written in their order of iteration (PEFT's target_modules): with a seed the same run gives the same bytes.
    PYTHONHASHSEED: '0',
  };
}
