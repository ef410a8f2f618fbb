import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { collectDefaultMetrics, Gauge, register, Registry } from 'prom-client';
import { Queues } from '../queue/queues.js';
import { PlatformStateRepository } from './platform-state.repository.js';
import { within } from './within.js';

/** However often somebody scrapes, Postgres and Redis are asked no more often. */
const FRESH_MS = 5_000;
const SOURCE_TIMEOUT_MS = 2_500;

/** All metrics as Prometheus text: what was counted, and gauges of the platform's state, looked up when somebody asks. */
@Injectable()
export class StateMetrics implements OnModuleInit {
  private readonly logger = new Logger(StateMetrics.name);
  private readonly registry = new Registry();
  private readonly gauge = (name: string, help: string, ...labelNames: string[]) => new Gauge({ name: `triad_${name}`, help, labelNames, registers: [this.registry] });
  private readonly sourceUp = this.gauge('metrics_source_up', 'Whether the state behind the gauges could be read at the last scrape', 'source');
  private readonly queueMessages = this.gauge('queue_messages', 'Messages on a queue', 'queue', 'state');
  private readonly queueOldest = this.gauge('queue_oldest_waiting_seconds', 'Age of the message that has waited longest', 'queue');
  private readonly runs = this.gauge('runs', 'Fine-tune jobs and evaluation runs', 'kind', 'status');
  private readonly outboxPending = this.gauge('outbox_pending', 'Outbox rows that are not on their queue');
  private readonly outboxOldest = this.gauge('outbox_oldest_seconds', 'Age of the oldest of them');
  private readonly deliveriesPending = this.gauge('webhook_deliveries_pending', 'Webhook deliveries that are not over');
  private readonly deliveriesOverdue = this.gauge('webhook_delivery_overdue_seconds', 'How long the next attempt that is due has been due');
  private readonly poolConnections = this.gauge('postgres_pool_connections', 'Connections of this process by pool: in use, idle, and what waits for one', 'pool', 'state');
  private reading: Promise<void> | null = null;
  private readAt = 0;

  constructor(
    private readonly state: PlatformStateRepository,
    private readonly queues: Queues,
  ) {}

  onModuleInit(): void {
    collectDefaultMetrics({ register: this.registry });
  }

  /** Prometheus' text format 0.0.4. Never throws: what cannot be read is absent, and `triad_metrics_source_up` says so. */
  async render(): Promise<string> {
    if (Date.now() - this.readAt > FRESH_MS) await (this.reading ??= this.read());
    for (const { pool, inUse, idle, waiting } of this.state.pools()) {
      for (const [state, count] of Object.entries({ in_use: inUse, idle, waiting })) this.poolConnections.set({ pool, state }, count);
    }
    return `${await register.metrics()}\n${await this.registry.metrics()}`;
  }

  private async read(): Promise<void> {
    await Promise.all([
      this.readSource('postgres', [this.runs, this.outboxPending, this.outboxOldest, this.deliveriesPending, this.deliveriesOverdue], () => this.readPostgres()),
      this.readSource('redis', [this.queueMessages, this.queueOldest], () => this.readRedis()),
    ]);
    this.readAt = Date.now();
    this.reading = null;
  }

  /** `look` answers with what is to be set, so that a source that answers late or in part sets nothing. */
  private async readSource(source: string, gauges: Gauge[], look: () => Promise<() => void>): Promise<void> {
    const set = await within(SOURCE_TIMEOUT_MS, source, look()).catch((error: unknown) => {
      this.logger.warn(`The metrics lack what ${source} knows: ${String(error)}`);
      return null;
    });
    for (const gauge of gauges) gauge.reset();
    this.sourceUp.set({ source }, set ? 1 : 0);
    set?.();
  }

  private async readPostgres(): Promise<() => void> {
    const [runs, outbox, deliveries] = await Promise.all([this.state.runs(), this.state.outbox(), this.state.deliveries()]);
    return () => {
      for (const { kind, status, count } of runs) this.runs.labels(kind, status).set(count);
      this.outboxPending.set(outbox.pending);
      this.outboxOldest.set(outbox.oldestSeconds);
      this.deliveriesPending.set(deliveries.pending);
      this.deliveriesOverdue.set(deliveries.oldestSeconds);
    };
  }

  private async readRedis(): Promise<() => void> {
    const queues = await this.queues.measure();
    return () => {
      for (const { queue, counts, oldestWaitingMs } of queues) {
        for (const [state, count] of Object.entries(counts)) this.queueMessages.set({ queue, state }, count);
        this.queueOldest.set({ queue }, oldestWaitingMs / 1000);
      }
    };
  }
}
