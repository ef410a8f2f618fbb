import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { setMaxListeners } from 'node:events';
import { outboundDispatcher } from '../common/outbound.js';
import { RequestContext } from '../common/request-context.js';
import { CONFIG, type Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { Outbox } from '../queue/outbox.js';
import { EndpointSlots, type Slot } from './endpoint-slots.js';
import { sendWebhook } from './send-webhook.js';
import { signingSecretsAt } from './signing-secrets.js';
import { WebhookDeliveryLifecycle } from './webhook-delivery.lifecycle.js';
import { type DeliveryToAttempt, WebhookRepository } from './webhook.repository.js';

const ATTEMPT_TIMEOUT_MS = 20_000;
const DAY_MS = 86_400_000;
const FORGET_BATCH = 2_000;
const RECONCILE_BATCH = 500;

/** Brings events to endpoints: at least once each, by jobs of ids. */
@Injectable()
export class WebhookDeliveryService implements OnApplicationShutdown {
  private readonly slots = new EndpointSlots();
  private readonly dispatcher;

  constructor(
    private readonly database: Database,
    private readonly webhooks: WebhookRepository,
    private readonly lifecycle: WebhookDeliveryLifecycle,
    private readonly outbox: Outbox,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.dispatcher = outboundDispatcher(config.TRIAD_ALLOW_PRIVATE_URLS);
  }

  /** After the worker has handed back its attempts. */
  async onApplicationShutdown(): Promise<void> {
    await this.dispatcher.destroy();
  }

  /** Makes one delivery per endpoint that wants the event. A second call for an event does nothing. */
  async fanOut(ctx: RequestContext, eventId: string): Promise<void> {
    await this.database.transaction(ctx, async (tx) => {
      const type = await this.webhooks.takeForFanOut(tx, eventId);
      if (type !== null) await this.lifecycle.start(tx, eventId, await this.webhooks.endpointsWanting(tx, type));
    });
  }

  /**
   * Attempts a delivery if it is due and its endpoint has a slot; then, in the slots that become free, what waits. A
   * delivery without a slot stays due: it is attempted by one that has a slot, or found overdue. A message too many, or too
   * early, does nothing.
   */
  async deliver(ctx: RequestContext, deliveryId: string, stop: AbortSignal): Promise<void> {
    const found = await this.webhooks.findToAttempt(ctx, deliveryId);
    if (found?.status !== 'pending') return;
    if (!found.endpoint || found.endpoint.disabledAt) return this.lifecycle.abandon(ctx, deliveryId);
    const slot = this.slots.take({ projectId: ctx.projectId, endpointId: found.endpointId, failing: found.endpoint.failingSince !== null });
    if (!slot) return;
    await this.using(slot, async () => {
      if (await this.lifecycle.claim(ctx, found)) await this.attempt(ctx, found, stop);
    });
    while (!stop.aborted) {
      const next = this.slots.next();
      if (!next) return;
      await this.using(next, () => this.attemptNext(next, stop));
    }
  }

  /** Deletes some of the events and deliveries that are kept no longer. @returns how many. */
  forget(): Promise<number> {
    const days = this.config.TRIAD_EVENTS_KEPT_DAYS;
    return days === 0 ? Promise.resolve(0) : this.webhooks.forgetBefore(new Date(Date.now() - days * DAY_MS), FORGET_BATCH);
  }

  /** Puts right what a lost message left undone. @returns how many events and deliveries that were. */
  async reconcile(): Promise<number> {
    const events = await this.webhooks.eventsNotFannedOut(RECONCILE_BATCH);
    for (const event of events) await this.fanOut(RequestContext.forJob(event.projectId, 'webhook.fan-out'), event.id);
    const overdue = await this.database.platform.transaction(async (tx) => {
      const deliveries = await this.webhooks.takeOverdue({ tx }, RECONCILE_BATCH);
      const jobs = new Map<string, { deliveryId: string }[]>();
      for (const { id, projectId } of deliveries) jobs.set(projectId, [...jobs.get(projectId) ?? [], { deliveryId: id }]);
      for (const [projectId, due] of jobs) {
        await this.outbox.enqueueAll(RequestContext.forJob(projectId, 'webhook.deliver').inTransaction(tx), 'webhook.deliver', due);
      }
      return deliveries.length;
    });
    return events.length + overdue;
  }

  private async using(slot: Slot, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } finally {
      this.slots.release(slot);
    }
  }

  /** Attempts what has been due longest of an endpoint that waited. */
  private async attemptNext({ to }: Slot, stop: AbortSignal): Promise<void> {
    const ctx = RequestContext.forJob(to.projectId, 'webhook.deliver');
    const id = await this.lifecycle.claimNext(ctx, to.endpointId);
    const found = id === null ? null : await this.webhooks.findToAttempt(ctx, id);
    if (!found) return;
    if (!found.endpoint || found.endpoint.disabledAt) return this.lifecycle.abandon(ctx, found.id);
    this.slots.wait({ ...to, failing: found.endpoint.failingSince !== null }); // more may be due
    await this.attempt(ctx, found, stop);
  }

  private async attempt(ctx: RequestContext, delivery: DeliveryToAttempt, stop: AbortSignal): Promise<void> {
    const { event, endpoint } = delivery;
    const secrets = signingSecretsAt(this.config, 'webhook_endpoints', endpoint!, delivery.readAt);
    const message = { id: event.id, body: payloadOf(event), at: delivery.readAt };
    const outcome = await within(ATTEMPT_TIMEOUT_MS, stop, (signal) => sendWebhook(endpoint!.url, secrets, message, { dispatcher: this.dispatcher, signal }));
    if (stop.aborted && outcome.attempt.status === null) await this.lifecycle.release(ctx, delivery);
    else await this.lifecycle.record(ctx, delivery, outcome);
  }
}

/**
 * Runs work with a signal that fires when the time is over or `stop` does. `AbortSignal.any` would not do: on Node 20 it lets
 * an `AbortSignal.timeout` be collected, which then never fires.
 */
async function within<T>(milliseconds: number, stop: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ending = new AbortController();
  const end = () => { ending.abort(); };
  const timer = setTimeout(end, milliseconds);
  setMaxListeners(0, stop); // one per attempt
  stop.addEventListener('abort', end, { once: true });
  if (stop.aborted) end();
  try {
    return await work(ending.signal);
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', end);
  }
}

const payloadOf = ({ type, version, createdAt, data }: DeliveryToAttempt['event']): string => JSON.stringify({ type, version, timestamp: createdAt.toISOString(), data });
