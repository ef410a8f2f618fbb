import { Inject, Injectable } from '@nestjs/common';
import { rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CONFIG, type Config } from '../config/config.js';
import { Queues } from '../queue/queues.js';
import { PlatformStateRepository } from './platform-state.repository.js';
import { within } from './within.js';

const CHECK_TIMEOUT_MS = 2_000;

export interface CheckResult {
  status: 'ok' | 'failed';
  milliseconds: number;
  /** What is wrong and how to mend it. */
  message?: string;
}

export interface Readiness {
  status: 'ok' | 'unavailable';
  checks: Record<string, CheckResult>;
}

/** Whether this process can do its work: what it stands on answers and is as it must be, and it is not about to end. */
@Injectable()
export class HealthService {
  private stopping = false;
  private checking: Promise<Readiness> | null = null;

  constructor(
    private readonly state: PlatformStateRepository,
    private readonly queues: Queues,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** From now on the process is not ready, so that nothing new is sent to it. */
  beginShutdown(): void {
    this.stopping = true;
  }

  /** Runs every check. Callers who come meanwhile get the same answer: asking often costs no more than asking once. */
  async readiness(): Promise<Readiness> {
    if (this.stopping) return { status: 'unavailable', checks: { process: { status: 'failed', milliseconds: 0, message: 'The process is shutting down.' } } };
    return this.checking ??= this.check().finally(() => { this.checking = null; });
  }

  private async check(): Promise<Readiness> {
    const checks = Object.fromEntries(await Promise.all([
      this.run('postgres', () => this.state.ping(), 'Check that Postgres runs and DATABASE_URL is right.'),
      this.run('migrations', () => this.assertMigrated(), 'Check that Postgres runs and was migrated: node dist/src/migrate.js'),
      this.run('redis', () => this.queues.assertUsable(), 'Check that Redis runs and REDIS_URL is right.'),
      this.run('storage', () => this.assertStorage(), 'Check that TRIAD_HOME is mounted and may be written.'),
    ]));
    const failed = Object.values(checks).some(({ status }) => status === 'failed');
    return { status: failed ? 'unavailable' : 'ok', checks };
  }

  private async run(name: string, check: () => Promise<void>, mend: string): Promise<[string, CheckResult]> {
    const startedAt = performance.now();
    const took = () => Math.round(performance.now() - startedAt);
    try {
      await within(CHECK_TIMEOUT_MS, name, check());
      return [name, { status: 'ok', milliseconds: took() }];
    } catch (error) {
      const message = (error as Error).message || String((error as NodeJS.ErrnoException).code);
      return [name, { status: 'failed', milliseconds: took(), message: message.includes('Mend: ') ? message : `${message}. Mend: ${mend}` }];
    }
  }

  private async assertMigrated(): Promise<void> {
    const pending = await this.state.pendingMigrations();
    if (pending.length > 0) throw new Error(`The database lacks ${pending.length} migrations of this version (${pending.join(', ')}). Mend: node dist/src/migrate.js`);
  }

  private async assertStorage(): Promise<void> {
    const { TRIAD_HOME: home, TRIAD_MIN_FREE_BYTES: least } = this.config;
    const probe = join(home, `.ready-${process.pid}`);
    await writeFile(probe, '');
    await rm(probe, { force: true });
    const { bavail, bsize } = await statfs(home);
    if (bavail * bsize < least) throw new Error(`Only ${bavail * bsize} bytes are free in ${home}; at least ${least} must be (TRIAD_MIN_FREE_BYTES). Mend: delete what is not needed, or give it more space.`);
  }
}
