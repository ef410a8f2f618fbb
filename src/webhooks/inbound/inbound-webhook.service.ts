import { Inject, Injectable } from '@nestjs/common';
import { notFound } from '../../common/errors.js';
import { newId } from '../../common/ids.js';
import type { Page } from '../../common/pagination.js';
import { RequestContext } from '../../common/request-context.js';
import { CONFIG, type Config } from '../../config/config.js';
import { Database } from '../../database/database.js';
import { EventService } from '../event.service.js';
import { checkSigningSecret, newSigningSecret, rotatedTo, sealSigningSecret, signingSecretsAt } from '../signing-secrets.js';
import { checkBody, type InboundRequest, payloadOf, verifiedId } from './inbound-message.js';
import type { InboundProvider, InboundWebhookEntity } from './inbound-webhook.entity.js';
import { type InboundListArgs, InboundWebhookRepository } from './inbound-webhook.repository.js';

/** With the secret that was made for it, which is readable in this answer only; null when the caller gave one. */
export interface WithSecret {
  inboundWebhook: InboundWebhookEntity;
  secret: string | null;
}

/** More than any name of a type has: beside the payload an event has little room. */
const TYPE_MAX_BYTES = 200;

/** Others' webhooks, which become events of the project. */
@Injectable()
export class InboundWebhookService {
  constructor(
    private readonly database: Database,
    private readonly inbound: InboundWebhookRepository,
    private readonly events: EventService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Makes a URL that a sender posts to.
   * @param given the sender's secret; null: one is made, for senders that let you set it
   * @throws DomainError bad_input when it is no signing secret.
   */
  async create(ctx: RequestContext, provider: InboundProvider, given: string | null, description: string | null): Promise<WithSecret> {
    const secret = secretOf(given);
    const id = newId('whin');
    const encryptedSecret = sealSigningSecret(this.config, 'inbound_webhooks', { id, projectId: ctx.projectId }, secret);
    return { inboundWebhook: await this.inbound.add(ctx, { id, provider, description, encryptedSecret }), secret: given === null ? secret : null };
  }

  /**
   * Puts another secret in place; what the one before signed is taken until the overlap is over.
   * @throws DomainError not_found; bad_input when it is no signing secret, or for an overlap that is not possible.
   */
  rotateSecret(ctx: RequestContext, id: string, given: string | null, overlapSeconds: number): Promise<WithSecret> {
    return this.database.transaction(ctx, async (tx) => {
      const before = await this.inbound.lock(tx, id);
      if (!before) throw notFound('inbound webhook', id);
      const secret = secretOf(given);
      await this.inbound.update(tx, id, rotatedTo(this.config, 'inbound_webhooks', secret, before, overlapSeconds));
      return { inboundWebhook: await this.find(tx, id), secret: given === null ? secret : null };
    });
  }

  /** @throws DomainError not_found. */
  async find(ctx: RequestContext, id: string): Promise<InboundWebhookEntity> {
    const found = await this.inbound.find(ctx, id);
    if (!found) throw notFound('inbound webhook', id);
    return found;
  }

  list(ctx: RequestContext, args: InboundListArgs): Promise<Page<InboundWebhookEntity>> {
    return this.inbound.list(ctx, args);
  }

  /** @throws DomainError not_found. */
  remove(ctx: RequestContext, id: string): Promise<void> {
    return this.database.transaction(ctx, async (tx) => {
      if (!await this.inbound.remove(tx, id)) throw notFound('inbound webhook', id);
    });
  }

  /**
   * Takes a message: an event `inbound.<provider>` in the transaction that remembers its id. One that was taken before
   * changes nothing.
   * @throws DomainError unauthenticated for what the URL's secret did not sign, or not within five minutes of now, and for a
   * URL that there is not; bad_input, bad_data, too_large.
   */
  async receive(provider: string, id: string, request: InboundRequest): Promise<void> {
    const raw = checkBody(request);
    const source = await this.inbound.findForSender(provider, id);
    // A URL that there is not refuses as one whose secret the sender does not have: nobody learns which there are.
    const webhookId = verifiedId(request.headers, raw, source ? signingSecretsAt(this.config, 'inbound_webhooks', source, source.readAt) : [newSigningSecret()]);
    if (!source) throw new Error('A signature verified by a secret that nobody has');
    const payload = payloadOf(request.body);
    const type = typeof payload['type'] === 'string' && Buffer.byteLength(JSON.stringify(payload['type'])) <= TYPE_MAX_BYTES ? payload['type'] : null;
    const ctx = RequestContext.forJob(source.projectId, `inbound.${source.provider}`);
    await this.database.transaction(ctx, async (tx) => {
      if (!await this.inbound.take(tx, source.id, webhookId)) return;
      await this.events.emit(tx, `inbound.${source.provider}`, { inboundWebhookId: source.id, webhookId, type, payload });
    });
  }
}

/** The sender's secret, or a new one. */
function secretOf(given: string | null): string {
  if (given !== null) checkSigningSecret(given);
  return given ?? newSigningSecret();
}
