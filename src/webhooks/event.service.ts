import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { newId } from '../common/ids.js';
import type { RequestContext } from '../common/request-context.js';
import { Outbox } from '../queue/outbox.js';
import { EVENT_TYPES, type EventData, type EventType } from './event-types.js';
import { WebhookRepository } from './webhook.repository.js';

/** Standard Webhooks asks for payloads under 20 kB; a receiver fetches what it wants more of by id. */
export const DATA_MAX_BYTES = 19_000;

/** How other features tell the world that something happened. */
@Injectable()
export class EventService {
  constructor(
    private readonly webhooks: WebhookRepository,
    private readonly outbox: Outbox,
  ) {}

  /**
   * Records an event in the caller's transaction; the endpoints that want it get it after commit.
   * @param data small and JSON: ids and names, as the catalogue says
   * @throws Error outside a transaction, or when `data` is not the type's or larger than a webhook may be.
   */
  async emit<Type extends EventType>(ctx: RequestContext, type: Type, data: EventData<Type>): Promise<void> {
    const eventId = await this.record(ctx, type, data, null);
    await this.outbox.enqueue(ctx, 'webhook.fan-out', { eventId });
  }

  /** Records an event that is for one endpoint alone; the caller starts its delivery. @returns the event's id. */
  emitTo<Type extends EventType>(ctx: RequestContext, endpointId: string, type: Type, data: EventData<Type>): Promise<string> {
    return this.record(ctx, type, data, endpointId);
  }

  private async record(ctx: RequestContext, type: EventType, data: object, endpointId: string | null): Promise<string> {
    if (!ctx.tx) throw new Error(`EventService.emit(${type}) needs a transaction`);
    const { version, data: schema } = EVENT_TYPES[type];
    const checked = schema.safeParse(data);
    if (!checked.success) throw new Error(`The data of event ${type} is not what src/webhooks/event-types.ts says:\n${z.prettifyError(checked.error)}`);
    const bytes = Buffer.byteLength(JSON.stringify(data));
    if (bytes > DATA_MAX_BYTES) throw new Error(`The data of event ${type} has ${bytes} bytes; at most ${DATA_MAX_BYTES} fit a webhook`);
    const id = newId('evt');
    await this.webhooks.addEvent(ctx, { id, type, version, data, endpointId });
    return id;
  }
}
