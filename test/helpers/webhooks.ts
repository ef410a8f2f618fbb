import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { expect, vi } from 'vitest';
import type { RequestContext } from '../../src/common/request-context.js';
import { Database } from '../../src/database/database.js';
import type { EventData, EventType } from '../../src/webhooks/event-types.js';
import { EventService } from '../../src/webhooks/event.service.js';
import type { Gateway } from './gateway.js';
import { contextOf } from './stub-model.js';

export type Answer = (response: ServerResponse, count: number) => void;
interface Received { headers: IncomingHttpHeaders; body: string; verify(secret: string): unknown }

const ajv = new Ajv2020({ allErrors: true });
addFormats.default(ajv);

/** Fails unless a payload is what contracts/events says of its type. */
export function expectPublished(body: string): void {
  const payload = JSON.parse(body) as { type: string };
  const schema = JSON.parse(readFileSync(`contracts/events/${payload.type}.schema.json`, 'utf8')) as { $id: string };
  const validate = ajv.getSchema(schema.$id) ?? ajv.compile(schema);
  expect(validate(payload), ajv.errorsText(validate.errors)).toBe(true);
}

/** A receiver of webhooks: a real HTTP server. */
export class Receiver {
  readonly received: Received[] = [];
  private constructor(private readonly server: Server, readonly url: string) {}

  static async start(answer: Answer = (response) => response.end('ok')): Promise<Receiver> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
        const body = Buffer.concat(chunks).toString();
        const { headers } = request;
        receiver.received.push({ headers, body, verify: (secret) => new Webhook(secret).verify(body, headers as Record<string, string>) });
        answer(response, receiver.received.length);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const receiver = new Receiver(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`);
    return receiver;
  }

  async has(count: number): Promise<void> {
    await vi.waitFor(() => expect(this.received).toHaveLength(count), { timeout: 30_000, interval: 20 });
  }

  /** Data of what came, of one type. */
  data(type: string): any[] {
    return this.received.map(({ body }) => JSON.parse(body)).filter((payload) => payload.type === type).map((payload) => payload.data);
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

export const JOB = { id: 'ftjob_1', model: 'models:/m/1', modelVersionId: 'mdlv_1' };
export const DELIVERIES = `query ($id: ID!, $filter: WebhookDeliveryFilter, $first: Int = 50, $after: String) {
  webhookDeliveries(endpointId: $id, filter: $filter, first: $first, after: $after) { pageInfo { hasNextPage endCursor } nodes {
    id status createdAt nextAttemptAt event { id type version data } attempts { at status milliseconds response } } } }`;

/** What tests of webhooks do with a gateway. */
export class WebhookTools {
  private readonly receivers: Receiver[] = [];
  private readonly endpoints: string[] = [];
  private constructor(private readonly gateway: Gateway, readonly ctx: RequestContext) {}

  static async of(gateway: Gateway): Promise<WebhookTools> {
    return new WebhookTools(gateway, await contextOf(gateway));
  }

  /** Disables the endpoints, stops the receivers, and checks all that came against the published schemas. */
  async clear(): Promise<void> {
    await this.sql("UPDATE webhook_endpoints SET disabled_at = now() WHERE id = ANY($1)", [this.endpoints.splice(0)]);
    for (const receiver of this.receivers.splice(0)) {
      receiver.stop();
      receiver.received.forEach(({ body }) => expectPublished(body));
    }
  }

  sql(query: string, parameters: unknown[] = []): Promise<any> {
    return this.gateway.app.get(Database).platform.query(query, parameters);
  }

  emit(data: Partial<EventData<'fine_tuning.job.succeeded'>> = {}, as = this.ctx): Promise<void> {
    return this.emitEvent('fine_tuning.job.succeeded', { ...JOB, ...data }, as);
  }

  emitEvent<Type extends EventType>(type: Type, data: EventData<Type>, as = this.ctx): Promise<void> {
    return this.gateway.app.get(Database).transaction(as, (tx) => this.gateway.app.get(EventService).emit(tx, type, data));
  }

  async deliveries(id: string, filter: object = {}): Promise<any[]> {
    return (await this.gateway.graphql(DELIVERIES, { id, filter }))['webhookDeliveries'].nodes;
  }

  async receiver(answer?: Answer): Promise<Receiver> {
    const receiver = await Receiver.start(answer);
    this.receivers.push(receiver);
    return receiver;
  }

  /** A receiver and its endpoint. */
  async receive(answer?: Answer, eventTypes: string[] = []) {
    const receiver = await this.receiver(answer);
    const { secret, endpoint: { id } } = await this.mutate('createWebhookEndpoint(url: $url, eventTypes: $types) { secret endpoint { id } }', '$url: String!, $types: [String!]!', { url: receiver.url, types: eventTypes });
    this.endpoints.push(id);
    /** The single delivery once it satisfies. */
    const delivery = (expected: object) => vi.waitFor(async () => {
      const found = await this.deliveries(id);
      expect(found).toMatchObject([expected]);
      return found[0];
    }, { timeout: 30_000, interval: 50 });
    return { receiver, secret: secret as string, id: id as string, delivery };
  }

  /** Runs one mutation and answers its field. */
  async mutate(field: string, parameters: string, variables: Record<string, unknown>, key = this.gateway.key): Promise<any> {
    const data = await this.gateway.graphql(`mutation (${parameters}) { ${field} }`, variables, key);
    return Object.values(data)[0];
  }
}
