import { Injectable } from '@nestjs/common';
import { newId } from '../common/ids.js';
import type { RequestContext } from '../common/request-context.js';
import { Outbox } from '../queue/outbox.js';
import type { EventType } from './event-types.js';
import { WebhookRepository } from './webhook.repository.js';

/** Standard Webhooks asks for payloads under 20 kB; a receiver fetches what it wants more of by id. */
const DATA_MAX_BYTES = 19_000;

/** How other features tell the world that something happened. */
@Injectable()
export class EventService {
  constructor(
    private readonly webhooks: WebhookRepository,
    private readonly outbox: Outbox,
  ) {}

  /**
   * Records an event in the caller's transaction; the endpoints that want it get it after commit.
   * @param data small and JSON: ids and names
   * @throws Error outside a transaction, or when `data` is larger than a webhook may be.
   */
  async emit(ctx: RequestContext, type: EventType, data: object): Promise<void> {
    if (!ctx.tx) throw new Error(`EventService.emit(${type}) needs a transaction`);
    const bytes = Buffer.byteLength(JSON.stringify(data));
    if (bytes > DATA_MAX_BYTES) throw new Error(`The data of event ${type} has ${bytes} bytes; at most ${DATA_MAX_BYTES} fit a webhook`);
    const id = newId('evt');
    await this.webhooks.addEvent(ctx, { id, type, data });
    await this.outbox.enqueue(ctx, 'webhook.fan-out', { eventId: id });
  }
}
