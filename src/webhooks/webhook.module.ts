import { Module } from '@nestjs/common';
import { EventService } from './event.service.js';
import { InboundWebhookController } from './inbound/inbound-webhook.controller.js';
import { InboundWebhookRepository } from './inbound/inbound-webhook.repository.js';
import { InboundWebhookResolver } from './inbound/inbound-webhook.resolver.js';
import { InboundWebhookService } from './inbound/inbound-webhook.service.js';
import { WebhookDeliveryLifecycle } from './webhook-delivery.lifecycle.js';
import { WebhookDeliveryService } from './webhook-delivery.service.js';
import { WebhookProcessor } from './webhook.processor.js';
import { WebhookReplayRepository } from './webhook-replay.repository.js';
import { WebhookReplayService } from './webhook-replay.service.js';
import { WebhookRepository } from './webhook.repository.js';
import { WebhookResolver } from './webhook.resolver.js';
import { WebhookService } from './webhook.service.js';

@Module({
  controllers: [InboundWebhookController],
  providers: [
    WebhookRepository, WebhookReplayRepository, WebhookDeliveryLifecycle, WebhookDeliveryService, WebhookReplayService, WebhookService,
    EventService, WebhookProcessor, WebhookResolver, InboundWebhookRepository, InboundWebhookService, InboundWebhookResolver,
  ],
  exports: [EventService],
})
export class WebhookModule {}
