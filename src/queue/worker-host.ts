import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { type Job, Worker } from 'bullmq';
import { setTimeout as wait } from 'node:timers/promises';
import { inJobScope } from '../observability/job-scope.js';
import { type JobHandler, HANDLES_JOB } from './handles-job.js';
import { JOBS, QUEUE_CONCURRENCY, type JobName, type JobPayload, type QueueName } from './jobs.js';
import { OutboxRelay } from './outbox-relay.js';
import { Queues } from './queues.js';
import { RECONCILES } from './reconciles.js';

const RECONCILE_EVERY_MS = 5_000;

/** Starts the consumers, the outbox relay and the reconcilers of a worker process. */
@Injectable()
export class WorkerHost implements OnModuleDestroy {
  private readonly logger = new Logger(WorkerHost.name);
  private readonly stopping = new AbortController();
  private workers: Worker[] = [];
  private background: Promise<void>[] = [];

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly reflector: Reflector,
    private readonly queues: Queues,
    private readonly relay: OutboxRelay,
  ) {}

  /** @throws Error when a job name has no handler, or two. */
  start(): void {
    const handlers = this.handlers();
    const reconcilers = this.methods(RECONCILES).map(({ method }) => method as () => Promise<number>);
    this.background = [this.relay.run(this.stopping.signal), this.reconcile(reconcilers)];
    this.workers = (Object.keys(QUEUE_CONCURRENCY) as QueueName[]).map((queue) => this.consume(queue, handlers));
  }

  /** Lets running handlers hand back their work (they see the signal) and waits for them. */
  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await Promise.allSettled([...this.workers.map((worker) => worker.close()), ...this.background]);
  }

  private consume(queue: QueueName, handlers: Map<JobName, JobHandler>): Worker {
    const run = async (job: Job<JobPayload>) => {
      const name = job.name as JobName;
      const payload = JOBS[name].payload.parse(job.data) as JobPayload;
      const watched = { name, ids: payload, traceparent: job.opts.telemetry?.metadata, dueAt: job.attemptsMade === 0 ? job.timestamp + (job.opts.delay ?? 0) : null };
      await inJobScope(watched, () => handlers.get(name)!(payload, this.stopping.signal));
    };
    const worker = new Worker<JobPayload>(queue, run, {
      connection: this.queues.connect({ maxRetriesPerRequest: null }),
      prefix: 'triad',
      concurrency: QUEUE_CONCURRENCY[queue],
      lockDuration: 30_000,
      stalledInterval: 30_000,
      maxStalledCount: 1,
    });
    worker.on('failed', (job, error) => this.logger.error(`${job?.name} ${JSON.stringify(job?.data)} failed: ${error.stack ?? error.message}`));
    worker.on('error', (error) => this.logger.warn(`queue ${queue}: ${error.message}`));
    return worker;
  }

  private async reconcile(reconcilers: (() => Promise<number>)[]): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      for (const reconciler of reconcilers) {
        await reconciler().catch((error: unknown) => this.logger.error(`A reconciler failed and will be tried again: ${String(error)}`));
      }
      await this.relay.drain(signal); // what could not be moved when it was due, or whose wake-up was lost
      await this.relay.trim().catch((error: unknown) => this.logger.warn(`Old outbox rows could not be deleted: ${String(error)}`));
      await wait(RECONCILE_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  private handlers(): Map<JobName, JobHandler> {
    const handlers = new Map<JobName, JobHandler>();
    for (const { value, method, where } of this.methods<JobName>(HANDLES_JOB)) {
      if (handlers.has(value)) throw new Error(`Job ${value} has two handlers; the second is ${where}`);
      handlers.set(value, method as JobHandler);
    }
    const missing = (Object.keys(JOBS) as JobName[]).filter((name) => !handlers.has(name));
    if (missing.length > 0) throw new Error(`No handler for job ${missing.join(', ')}`);
    return handlers;
  }

  private methods<T>(key: symbol): { value: T; method: (...args: never[]) => unknown; where: string }[] {
    return this.discovery.getProviders().flatMap(({ instance }) => {
      if (!instance || typeof instance !== 'object') return [];
      return this.scanner.getAllMethodNames(Object.getPrototypeOf(instance) as object).flatMap((name) => {
        const method = (instance as Record<string, (...args: never[]) => unknown>)[name]!;
        const value = this.reflector.get<T | undefined>(key, method);
        const where = `${(instance as object).constructor.name}.${name}`;
        return value === undefined ? [] : [{ value, method: method.bind(instance), where }];
      });
    });
  }
}
